"""What a resume reads: everything once, and no checkpoint while another one is held."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbt_gan import cli, files
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.gan import task as gan_task
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.run import train
from pbt_gan.store import checkpoints, journal
from pbt_gan.store.paused import PausedRun
from pbt_gan.validation import validated

SEAL = b',"crc32":"'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of the GAN that has reached its end."""
    monkeypatch.setattr("pbt_gan.gan.scores.recipes.STEPS", 2)
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8))
    assert start(Project(validated(Config, table(tmp_path))), tmp_path / "run") == "finished"
    return tmp_path / "run"


def table(folder: Path) -> dict[str, Any]:
    return {
        "task": {"name": "gan", "data": str(folder / "mine.npy"), "width": 2, "z_size": 4, "batch_size": 4},
        "pbt": {"population_size": 3, "total_steps": 2, "ready_interval": 2},
        "metrics": {"samples": 100, "held_out_samples": 100},
        "executor": {"name": "serial", "vectorize": "off"},
    }


class Reads(Counter[Any]):
    """How often each thing was read."""

    def watch(self, patch: pytest.MonkeyPatch, module: Any, name: str, told: Any = None) -> None:
        real = getattr(module, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            self[f"{name}: {arguments[0] if told is None else told(*arguments)}"] += 1
            return real(*arguments, **options)

        patch.setattr(module, name, watched)


@pytest.fixture
def reads(run: Path, monkeypatch: pytest.MonkeyPatch) -> Reads:
    reads = Reads()
    reads.watch(monkeypatch, journal, "_parse")
    reads.watch(monkeypatch, checkpoints, "_digest", lambda data: data[:0] + bytes(data[-40:]))
    reads.watch(monkeypatch, files, "opened")
    reads.watch(monkeypatch, gan_task, "load_dataset")
    reads.watch(monkeypatch, gan_task.GanTask, "__init__", lambda task: "task")
    return reads


@pytest.mark.slow
@pytest.mark.parametrize("how", ["command", "call", "train"])
def test_a_resume_reads_everything_once(run: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "command":
        monkeypatch.setattr("sys.argv", ["pbt-gan", "resume", str(run), "--steps", "4"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code in (None, 0)
    elif how == "call":
        assert go_on(run, change={"pbt": {"total_steps": 4}}) == "finished"
    else:
        longer = merged(table(run.parent), {"pbt": {"total_steps": 4}})
        assert train(validated(Config, longer), run) == "finished"
    of_others = {key for key in reads if key.startswith("opened") and "/checkpoints/" not in key}
    ours = {key: count for key, count in reads.items() if key not in of_others}
    assert set(ours.values()) == {1}, [key[:200] for key, count in ours.items() if count > 1]
    assert Counter(key.split(":")[0] for key in ours)["opened"] == 3
    assert {"__init__: task", f"load_dataset: {run.parent / 'mine.npy'}"} <= set(ours)
    lines = journal.path_of(run).read_bytes().splitlines()
    assert {f"_parse: {line.rpartition(SEAL)[0] + b'}'!r}" for line in lines[:4]} <= set(ours)


def test_checkpoints_are_handed_over_one_at_a_time(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    read = checkpoints.read

    def watched(folder: Path, key: str, digest: str) -> bytes:
        assert set(handed) == {path.stem for path in sorted(opened)}
        opened.append(checkpoints.path_of(folder, key))
        return read(folder, key, digest)

    opened: list[Path] = []
    monkeypatch.setattr(checkpoints, "read", watched)
    with PausedRun(run) as paused:
        paused.restore(lambda key, data: handed.append(key))
    assert len(handed) == 3

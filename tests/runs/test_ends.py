"""However a run ends, nothing of it is left: no process, no shared memory, no scratch folder."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.executors import scratch
from pbt_gan.executors.scratch import places
from pbt_gan.store import journal
from pbt_gan.testing.walk import PATIENCE_S

RESTLESS = Path(__file__).with_name("restless.py")

ENDS: dict[str, Sequence[signal.Signals]] = {
    "it is finished": [],
    "its task raises": [],
    "Ctrl-C": [signal.SIGINT],
    "Ctrl-C twice": [signal.SIGINT, signal.SIGINT],
    "SIGTERM": [signal.SIGTERM],
    "it is killed": [signal.SIGKILL],
    "it and its workers are killed": [signal.SIGKILL],
    "all its processes are killed": [signal.SIGKILL],
}
SHORT, LONG = 50, 1_000_000  # steps


def wait_until(condition: Callable[[], object]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, "waited in vain"
        time.sleep(0.01)


def settings(notes: Path, end: str, mode: str) -> dict[str, Any]:
    notes.mkdir()
    steps = SHORT if end == "it is finished" else LONG
    return {
        "task": {"name": f"{RESTLESS}:Restless", "folder": str(notes), "stumbles": end == "its task raises"},
        "pbt": {"population_size": 3, "total_steps": steps, "ready_interval": 10, "mode": mode},
        "executor": {"name": "processes", "workers": 2},
        "checkpoints": {"every_s": 0.05},
    }


def memory(run: int) -> list[Path]:
    return [path for place in places() for path in place.glob(f"pbt-gan-scratch-{run}-*")]


def reported(folder: Path) -> bool:
    with suppress(FileNotFoundError):
        return journal.path_of(folder).read_bytes().count(b'"type":"report"') >= 5
    return False


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("end", ENDS)
def test_however_a_run_ends_nothing_of_it_is_left(tmp_path: Path, forks: Any, end: str, mode: str) -> None:
    folder = tmp_path / "run"
    run = forks.begin(folder, settings(tmp_path / "notes", end, mode))
    if ENDS[end]:
        wait_until(lambda: reported(folder))
        assert memory(run)
        assert len(forks.living()) >= 6, "the run, its sweeper, two workers and what those have started"
    if end == "it and its workers are killed":
        workers = [int(path.stem) for path in (tmp_path / "notes").iterdir()]
        for process in [run, *workers]:  # as who ends all that is called python
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    elif end == "all its processes are killed":
        for process in forks.living():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    else:
        for number in ENDS[end]:
            os.kill(run, number)
            time.sleep(0.01)
    code = forks.end()
    if end != "Ctrl-C twice":  # the second may come too late
        assert code == (-signal.SIGKILL if "killed" in end else int(end == "its task raises"))
    wait_until(lambda: not forks.living())
    if end == "all its processes are killed":  # there was nobody left who could: the next run does it
        for place in places():
            scratch.sweep(place)
    wait_until(lambda: not memory(run))


@pytest.mark.slow
def test_workers_write_nothing_into_the_run_and_hold_no_lock(tmp_path: Path, forks: Any) -> None:
    folder, notes = tmp_path / "run", tmp_path / "notes"
    forks.begin(folder, settings(notes, "it is finished", "sync"))
    assert forks.end() == 0
    told = [line for path in notes.iterdir() for line in path.read_text().splitlines()]
    assert any("/pbt-gan-scratch-" in line for line in told), "where the states lie"
    assert not [line for line in told if str(folder) in line or line == "locks"]

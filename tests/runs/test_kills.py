"""Runs are killed at random moments and begun again with the same command, until they end as the uncut run."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbt_gan.config.settings import Config
from pbt_gan.core.records import Failure, Report
from pbt_gan.errors import RunFolderError
from pbt_gan.executors.scratch import places
from pbt_gan.runs.launch import start
from pbt_gan.runs.project import Project
from pbt_gan.runs.run import Recorder
from pbt_gan.store import journal
from pbt_gan.store.reader import read_run
from pbt_gan.testing.consistency import contradictions
from pbt_gan.testing.walk import PATIENCE_S
from pbt_gan.validation import validated
from tools.chaos.life import workers_of

TOY = ["quadratic", "--population", "3", "--steps", "1500", "--set", "pbt.ready_interval=10"]
DIGITS = [
    *("digits", "--population", "2", "--steps", "60", "--set", "pbt.ready_interval=5"),
    *("--set", "space.lr_g.init=[1e-3, 1e-2]", "--set", "space.lr_d.init=[1e-3, 1e-2]"),
    *("--set", "task.width=4", "--set", "task.batch_size=8", "--set", "metrics.samples=100"),
]
DIGITS_ORDERS = 24
KILLS = 20
SOON_S = 0.05  # a few orders

EXECUTORS = ["serial", "processes"]
TOGETHER = Path(__file__).with_name("together.py")


def command(what: list[str], folder: Path, executor: str) -> list[str]:
    options = ["--out", str(folder), "--executor", executor, "--workers", "2", "--set", "checkpoints.every_s=0.02"]
    return [sys.executable, "-m", "pbt_gan", "train", *what, *options]


@contextmanager
def begun(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a command as a terminal does: in a process group of its own."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(arguments: list[str]) -> None:
    with begun(arguments) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, said


def wait_until(condition: Callable[[], object]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, "waited in vain"
        time.sleep(0.002)


def reports(folder: Path) -> int:
    try:
        return sum(isinstance(record, Report) for record in read_run(folder).records)
    except RunFolderError:  # not begun yet
        return 0


def gone(process: int) -> bool:
    """Whether a process has ended, whether or not its parent knows."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def memory(runs: list[int]) -> list[Path]:
    return [path for run in runs for place in places() for path in place.glob(f"pbt-gan-scratch-{run}-*")]


def entries(folder: Path) -> int:
    """How many reports were ever written, also those that a resume has cancelled."""
    try:
        return journal.path_of(folder).read_bytes().count(b'"type":"report"')
    except FileNotFoundError:
        return 0


PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "serial": ("quadratic", {"name": "serial"}),
    "processes": ("quadratic", {"name": "processes", "workers": 2}),
    "processes with groups": (f"{TOGETHER}:Together", {"name": "processes", "workers": 2, "vectorize": 2}),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "mode"),
    [*itertools.product(PLACES, ["sync", "async"]), ("processes", "async, fair")],
)
def test_a_run_killed_twenty_times_ends_as_the_uncut_run(
    tmp_path: Path, outcome: Any, forks: Any, place: str, mode: str
) -> None:
    """It is killed whenever it has come some reports further, or while it starts; one that ends before is followed."""
    task, executor = PLACES[place]
    mode, _, fair = mode.partition(", ")
    comparison = {"comparison": fair} if fair else {}
    pbt = {"population_size": 4, "total_steps": 800, "ready_interval": 10, "mode": mode, **comparison}
    settings = {"task": task, "pbt": pbt, "executor": executor, "checkpoints": {"every_s": 0.02}}
    rng = np.random.default_rng([*PLACES].index(place))
    dead: list[int] = []
    ended = 0
    while len(dead) < KILLS:
        folder = tmp_path / f"cut-{ended}"
        moment = entries(folder) + int(rng.integers(-10, 40))
        process = forks.begin(folder, settings)
        if moment > entries(folder):
            wait_until(lambda: entries(folder) >= moment or gone(process))  # noqa: B023
        time.sleep(rng.uniform(0, SOON_S))
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        code = forks.end()
        wait_until(lambda: not workers_of(process))  # noqa: B023
        assert code in (0, -signal.SIGKILL)
        if code:
            dead.append(process)
        else:
            ended += 1
    cut = [tmp_path / f"cut-{number}" for number in range(ended + 1)]
    for folder in cut:
        forks.begin(folder, settings)
        assert forks.end() == 0
        run = read_run(folder)
        assert run.ending == "finished"
        assert [*contradictions(run.records, 10)] == []
        last = {record.member: record.trained_steps for record in run.records if isinstance(record, Report)}
        assert last == dict.fromkeys(range(4), 800)
    if mode == "sync":
        forks.begin(tmp_path / "uncut", settings)
        assert forks.end() == 0
        for folder in cut:
            assert outcome(folder) == outcome(tmp_path / "uncut")
    wait_until(lambda: not memory(dead))


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
def test_digits_killed_three_times_ends_as_the_uncut_run(tmp_path: Path, outcome: Any, executor: str) -> None:
    rng = np.random.default_rng(EXECUTORS.index(executor))
    folder, kills = tmp_path / "cut", 0
    while kills < 3:
        moment = min(reports(folder) + int(rng.integers(1, 8)), DIGITS_ORDERS)
        with begun(command(DIGITS, folder, executor)) as process:
            wait_until(lambda: reports(folder) >= moment or process.poll() is not None)  # noqa: B023
            time.sleep(rng.uniform(0, SOON_S))
            process.kill()
            process.wait()
        wait_until(lambda: not workers_of(process.pid))
        kills += 1
    for each in (folder, tmp_path / "uncut"):
        finish(command(DIGITS, each, executor))
    assert outcome(folder) == outcome(tmp_path / "uncut")


class Hunter(Recorder):
    """Kills a worker of this process at some of the records that it hears."""

    def record(self, record: Any, preview: Any) -> None:
        super().record(record, preview)
        if len(self.records) in (10, 25, 40, 55, 70) and (prey := workers_of(os.getpid())):
            os.kill(prey[0], signal.SIGKILL)


@pytest.mark.slow
def test_workers_killed_under_a_run_change_nothing(tmp_path: Path, outcome: Any) -> None:
    def config(executor: str) -> Config:
        pbt = {"population_size": 3, "total_steps": 200, "ready_interval": 10, "exploit": "tournament"}
        return validated(Config, {"task": "quadratic", "pbt": pbt, "executor": {"name": executor, "workers": 2}})

    hunter = Hunter()
    assert start(Project(config("processes")), tmp_path / "hunted", listeners=lambda folder: [hunter]) == "finished"
    start(Project(config("serial")), tmp_path / "uncut")
    assert any(isinstance(record, Failure) for record in hunter.records)
    assert outcome(tmp_path / "hunted") == outcome(tmp_path / "uncut")


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_signal_ends_a_run_with_a_commit_and_the_command_that_goes_on(
    tmp_path: Path, number: signal.Signals, executor: str
) -> None:
    folder = tmp_path / "run"
    with begun(command([*TOY, "--steps", "1000000"], folder, executor)) as process:
        wait_until(lambda: reports(folder) >= 5)
        os.killpg(process.pid, number)  # as a terminal does it, or a job queue
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    assert f"pbt-gan resume {folder}" in out
    assert "Traceback" not in out + err
    entries = journal.read(journal.path_of(folder)).entries
    assert [entry["type"] for entry in entries[-2:]] == ["commit", "end"]
    assert entries[-2]["upto"] == reports(folder)
    assert not workers_of(process.pid)
    assert not memory([process.pid])


@pytest.mark.slow
def test_a_second_ctrl_c_ends_a_run_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with begun(command([*TOY, "--steps", "1000000"], folder, "processes")) as process:
        wait_until(lambda: reports(folder) >= 5)
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.01)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert f"pbt-gan resume {folder}" in out
    assert "Traceback" not in out + err
    wait_until(lambda: not workers_of(process.pid))
    assert not memory([process.pid])

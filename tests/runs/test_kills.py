"""Runs are killed at random moments and begun again with the same command, until they end as the uncut run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbt_gan.config.settings import Config
from pbt_gan.core.records import Failure, Reported
from pbt_gan.errors import RunFolderError
from pbt_gan.executors.scratch import places
from pbt_gan.runs.launch import Project, start
from pbt_gan.runs.run import Recorder
from pbt_gan.store import journal
from pbt_gan.store.reader import read_run
from pbt_gan.testing import PATIENCE_S
from pbt_gan.validation import validated

TOY = ["quadratic", "--population", "3", "--steps", "2000", "--set", "pbt.ready_interval=10"]
TOY_ORDERS = 600
DIGITS = [
    *("digits", "--population", "2", "--steps", "60", "--set", "pbt.ready_interval=5"),
    *("--set", "space.lr_g.init=[1e-3, 1e-2]", "--set", "space.lr_d.init=[1e-3, 1e-2]"),
    *("--set", "task.width=4", "--set", "task.batch_size=8", "--set", "metrics.samples=100"),
]
DIGITS_ORDERS = 24
STARTUP_S = 1.0  # more than it takes on a quiet machine

EXECUTORS = ["serial", "processes"]


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
        return sum(isinstance(record, Reported) for record in read_run(folder).records)
    except RunFolderError:  # not begun yet
        return 0


def written(folder: Path) -> int:
    path = journal.path_of(folder)
    return path.stat().st_size if path.exists() else 0


def workers(run: int) -> list[int]:
    """The worker processes of a run's process, by the folder in shared memory that they were given."""
    mark = f"/pbt-gan-{run}-".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:  # it has just ended
            continue
        if mark in words and b"pbt_gan.executors.worker" in words:
            found.append(int(path.parent.name))
    return found


def memory(runs: list[int]) -> list[Path]:
    return [path for run in runs for place in places() for path in place.glob(f"pbt-gan-{run}-*")]


def check_killed(
    what: list[str], executor: str, moments: list[int], rng: np.random.Generator, tmp_path: Path, outcome: Any
) -> None:
    """Kill a run whenever it has come to a moment, or while it starts if it is past that; then let it end."""
    folder = tmp_path / "cut"
    dead = []
    amid = 0  # kills that hit a session that had trained
    for moment in moments:
        before = reports(folder)
        with begun(command(what, folder, executor)) as process:
            if before < moment:
                wait_until(lambda: reports(folder) >= moment or process.poll() is not None)  # noqa: B023
                time.sleep(rng.uniform(0, 0.03))
            else:
                size, until_s = written(folder), time.monotonic() + rng.uniform(0, STARTUP_S)
                wait_until(lambda: written(folder) != size or time.monotonic() > until_s)  # noqa: B023
            process.kill()
            assert process.wait() == -signal.SIGKILL, f"ended before {moment}: {process.communicate()}"
        wait_until(lambda: not workers(process.pid))
        dead.append(process.pid)
        amid += before < moment
    assert amid >= len(moments) // 4
    finish(command(what, folder, executor))
    finish(command(what, tmp_path / "uncut", executor))
    assert outcome(folder) == outcome(tmp_path / "uncut")
    assert not memory(dead)


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_toy_killed_twenty_times_ends_as_the_uncut_run(tmp_path: Path, outcome: Any, executor: str) -> None:
    rng = np.random.default_rng(EXECUTORS.index(executor))
    amid = sorted(rng.choice(np.arange(1, TOY_ORDERS - 150), 17, replace=False).tolist())
    # Before there is a run, all along, and when the last report is in.
    check_killed(TOY, executor, [0, 0, *amid, TOY_ORDERS], rng, tmp_path, outcome)


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
def test_digits_killed_three_times_ends_as_the_uncut_run(tmp_path: Path, outcome: Any, executor: str) -> None:
    rng = np.random.default_rng(EXECUTORS.index(executor))
    amid = sorted(rng.choice(np.arange(1, DIGITS_ORDERS - 3), 3, replace=False).tolist())
    check_killed(DIGITS, executor, amid, rng, tmp_path, outcome)


class Hunter(Recorder):
    """Kills a worker of this process at some of the records that it hears."""

    def record(self, record: Any, preview: Any) -> None:
        super().record(record, preview)
        if len(self.records) in (10, 25, 40, 55, 70) and (prey := workers(os.getpid())):
            os.kill(prey[0], signal.SIGKILL)


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
    assert not workers(process.pid)
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
    wait_until(lambda: not workers(process.pid))
    assert not memory([process.pid])

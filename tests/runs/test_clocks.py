"""The wall clock is set while a run trains, by many hours, forwards and backwards: nothing depends on it."""

import io
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pbt_gan.config.settings import Config
from pbt_gan.engine import Stop
from pbt_gan.reporting import default_listeners
from pbt_gan.runs.report import write_results
from pbt_gan.runs.run import train
from pbt_gan.store.journal import path_of, read
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated


def config(executor: str) -> Config:
    pbt = {"population_size": 3, "total_steps": 60, "ready_interval": 10, "exploit": "tournament"}
    settings = {"pbt": pbt, "executor": {"name": executor, "workers": 2}, "checkpoints": {"every_s": 0.0}}
    return validated(Config, {"task": "quadratic", **settings})


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at the clock find it hours away from all others, now before and now after."""
    real, looks = time.time, itertools.count()
    monkeypatch.setattr(time, "time", lambda: real() + (-1) ** (look := next(looks)) * look * 3_600)


@pytest.mark.parametrize("executor", ["serial", pytest.param("processes", marks=pytest.mark.slow)])
def test_a_clock_that_jumps_changes_nothing_of_a_run(
    tmp_path: Path, outcome: Callable[[Path], Any], jumping: None, executor: str
) -> None:
    console = Console(file=io.StringIO())
    train(config(executor), tmp_path / "run", listeners=lambda folder: default_listeners(folder, console))
    write_results(read_run(tmp_path / "run"))
    at = [entry["time"]["at_s"] for entry in read(path_of(tmp_path / "run")).entries if entry["type"] == "commit"]
    assert max(at) - min(at) > 3_000
    train(config("serial"), tmp_path / "steady")
    assert outcome(tmp_path / "run") == outcome(tmp_path / "steady")
    assert all(getattr(record, "cost_s", 0.0) < 60 for record in read_run(tmp_path / "run").records)


def test_a_time_limit_is_of_time_that_has_passed(jumping: None) -> None:
    stop = Stop(deadline_s=time.monotonic() + 600)
    assert all(stop.wanted() is None for _ in range(10))

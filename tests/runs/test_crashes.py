"""Whole runs are cut at every write, trained on as a user does, and must end as the run that was never cut."""

import csv
import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from pbt_gan import cli
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.records import Measurement, Report
from pbt_gan.errors import StorageError
from pbt_gan.reporting import default_listeners
from pbt_gan.reporting.images import sample_path
from pbt_gan.runs.folder import holds_run
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train
from pbt_gan.store import checkpoints, disk
from pbt_gan.store.reader import kept_checkpoints
from pbt_gan.validation import validated

PICTURED = f"{Path(__file__).with_name('pictured.py')}:Pictured"
SETTINGS = {
    "pbt": {"population_size": 2, "total_steps": 30, "ready_interval": 10, "exploit": "tournament"},
    "executor": {"name": "serial", "workers": 1},
    "checkpoints": {"every_s": 0.0},
}
CUTS = {
    "crash": (None, True),
    "full for good": (errno.ENOSPC, True),
    "full once": (errno.ENOSPC, False),
    "read-only": (errno.EROFS, True),
}
"""By kind: the error's number, or None for an end without a word; and whether all later writes fail too."""

MENDS = {
    errno.ENOSPC: (1, "Free some space and try again."),
    errno.EROFS: (2, "Make it writable, or choose another folder"),
}
"""By the error's number: the exit code, and what a person is told."""

DERIVED = ("log.txt", "metrics.csv", "samples", "tensorboard")


class AtOnce:
    """A thread that does its work when it is given, so that every run makes the same writes in the same order."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future = Future[Any]()
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, **options: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "ThreadPoolExecutor", AtOnce)


def config() -> Config:
    return validated(Config, {"task": "quadratic", **SETTINGS})


def pictured() -> Config:
    return validated(Config, merged({"task": PICTURED, **SETTINGS}, {"pbt": {"total_steps": 20}}))


def noisy() -> Config:
    task = f"{Path(__file__).with_name('noisy.py')}:Noisy"
    pbt = {
        "population_size": 4, "phases": [{"begins": 10, "members": 2}], "total_steps": 20,
        "selection": {"min_gap": 1, "repeats": 3}, "explore": {"name": "settle", "when": "proved"},
    }  # fmt: skip
    return validated(Config, merged({"task": task, **SETTINGS}, {"pbt": pbt}))


def listeners(folder: Path) -> Any:
    return default_listeners(folder, Console(file=io.StringIO()))


def error(number: int | None) -> Exception:
    return RuntimeError("power cut") if number is None else OSError(number, os.strerror(number))


def cuts(folders: Path, faults: Any, kind: str, place: str, begin: Callable[[Path], Any]) -> Iterator[tuple[Any, ...]]:
    """Begin a run for every write that there is, cut at it; yield its folder and the error that it ended with."""
    number, lasting = CUTS[kind]
    expected = RuntimeError if number is None else StorageError
    at = 0
    while True:
        at += 1
        folder = folders / str(at)
        faults.arm(at, error(number), place=place, lasting=lasting)
        ended: Exception | None = None
        try:
            begin(folder)
        except expected as caught:
            ended = caught
        if not faults.struck:
            break
        faults.calm()
        yield folder, ended
        shutil.rmtree(folder, ignore_errors=True)  # the very first write would have made it
    assert at > 60  # there were that many to cut at


def names(folder: Path) -> list[str]:
    """Every file and folder of a run, save the name of who held the lock: a crash may leave that one behind.

    Which checkpoints there are depends on the moment of the commit before the last, but there are no others.
    """
    assert {path.stem for path in checkpoints.folder_of(folder).iterdir()} == kept_checkpoints(folder)
    found = [path for path in folder.rglob("*") if path.name != ".lock.json"]
    return sorted(str(path.relative_to(folder)) for path in found if path.parent != checkpoints.folder_of(folder))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before", "amid", "after"])
@pytest.mark.parametrize("kind", CUTS)
def test_a_run_cut_at_any_write_ends_as_the_uncut_one(
    tmp_path: Path, faults: Any, outcome: Any, kind: str, place: str
) -> None:
    train(config(), tmp_path / "uncut")
    expected = outcome(tmp_path / "uncut"), names(tmp_path / "uncut")
    for folder, ended in cuts(tmp_path, faults, kind, place, lambda folder: train(config(), folder)):
        if isinstance(ended, StorageError):
            exit_code, mend = MENDS[CUTS[kind][0] or 0]
            assert ended.exit_code == exit_code
            assert mend in str(ended)
        train(config(), folder)
        assert (outcome(folder), names(folder)) == expected, f"cut {folder.name}"


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_run_that_measures_again_cut_at_any_write_ends_as_the_uncut_one(
    tmp_path: Path, faults: Any, outcome: Any, place: str
) -> None:
    train(noisy(), tmp_path / "uncut")
    assert any(isinstance(record, Measurement) for record in Run.open(tmp_path / "uncut").records())
    expected = outcome(tmp_path / "uncut"), names(tmp_path / "uncut")
    for folder, _ in cuts(tmp_path, faults, "crash", place, lambda folder: train(noisy(), folder)):
        train(noisy(), folder)
        assert (outcome(folder), names(folder)) == expected, f"cut {folder.name}"


@pytest.mark.slow
def test_a_run_cut_again_and_again_ends_as_the_uncut_one(tmp_path: Path, faults: Any, outcome: Any) -> None:
    folder = tmp_path / "run"
    begun = 0
    for at in [*range(1, 30), *range(30, 1, -1)]:
        faults.arm(at, error(None), place="amid")
        with pytest.raises(RuntimeError):
            train(config(), folder)
        begun += holds_run(folder)
    assert begun > 30
    faults.calm()
    train(config(), folder)
    train(config(), tmp_path / "uncut")
    assert outcome(folder) == outcome(tmp_path / "uncut")


def derived(folder: Path) -> tuple[Any, ...]:
    """Everything about a run that listeners wrote from its records, without what may differ between equal runs."""
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    for row in rows:
        del row["cost_s"]
    samples = {path.name: path.read_bytes() for path in (folder / "samples").iterdir()}
    events = {
        member.name: [
            (event.step, value.tag, str(value))
            for path in sorted(member.iterdir())
            for event in EventFileLoader(str(path)).Load()
            for value in event.summary.value
            if value.tag != "cost_s"
        ]
        for member in (folder / "tensorboard").iterdir()
    }
    return sorted(map(str, rows)), samples, events


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "place"), [("crash", "after"), ("full for good", "before")])
def test_what_listeners_write_is_whole_again_when_a_cut_run_has_gone_on(
    tmp_path: Path, faults: Any, outcome: Any, kind: str, place: str
) -> None:
    def begin(folder: Path) -> None:
        train(pictured(), folder, listeners=listeners)

    uncut = tmp_path / "uncut"
    begin(uncut)
    expected = outcome(uncut), derived(uncut)
    reports = [record for record in Run.open(uncut).records() if isinstance(record, Report)]
    assert all(sample_path(uncut, report.member, report.interval).exists() for report in reports)
    for folder, _ in cuts(tmp_path, faults, kind, place, begin):
        begin(folder)
        assert (outcome(folder), derived(folder)) == expected, f"cut {folder.name}"


@pytest.mark.slow
def test_a_listener_that_cannot_write_is_dropped_and_the_run_goes_on(
    tmp_path: Path, faults: Any, outcome: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def begin(folder: Path) -> None:
        caplog.clear()
        train(pictured(), folder, listeners=listeners)

    begin(tmp_path / "uncut")
    expected = outcome(tmp_path / "uncut")
    dropped = set()
    for folder, ended in cuts(tmp_path, faults, "full once", "before", begin):
        if ended is None:
            dropped |= {message.split()[0] for message in caplog.messages if "the run goes on." in message}
            assert outcome(folder) == expected, f"cut {folder.name}"
        else:
            assert not any(name in str(ended) for name in DERIVED)
    assert dropped == {"RunLog", "MetricsTable", "SampleGrids", "TensorBoard"}


@pytest.mark.parametrize("number", MENDS, ids=errno.errorcode.get)
def test_the_command_line_tells_a_refused_write_and_how_to_mend_it(
    tmp_path: Path, faults: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr("sys.argv", ["pbt-gan", "train", "quadratic", "--out", str(run), "--executor", "serial"])
    exit_code, mend = MENDS[number]
    for at in (1, 20, 60):  # before there is a run, when it begins, while it trains
        faults.arm(at, error(number))
        with pytest.raises(SystemExit) as ending:
            cli.main()
        assert ending.value.code == exit_code
        told = capsys.readouterr().err
        assert f"StorageError: Cannot write {run}" in told
        assert mend in told
        assert "Traceback" not in told

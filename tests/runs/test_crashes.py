"""Whole runs are cut at every write, trained on as a user does, and must end as the run that was never cut."""

import csv
import errno
import io
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
from pbt_gan.core.records import Reported
from pbt_gan.errors import StorageError
from pbt_gan.reporting import default_listeners
from pbt_gan.reporting.images import sample_path
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train
from pbt_gan.store import disk
from pbt_gan.validation import validated

PICTURED = f"{Path(__file__).with_name('pictured.py')}:Pictured"
SETTINGS = {
    "pbt": {"population_size": 2, "total_steps": 30, "ready_interval": 10, "exploit": "tournament"},
    "executor": {"name": "serial", "workers": 1},
    "checkpoints": {"every_s": 0.0},
}
FULL = OSError(errno.ENOSPC, "No space left on device")
READ_ONLY = OSError(errno.EROFS, "Read-only file system")
CUTS = {
    "crash": (RuntimeError("power cut"), True),
    "full for good": (FULL, True),
    "full once": (FULL, False),
    "read-only": (READ_ONLY, True),
}
MENDS = {errno.ENOSPC: (1, "Free some space, then"), errno.EROFS: (2, "Make it writable, or")}
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


def config(task: str = "quadratic") -> Config:
    return validated(Config, {"task": task, **SETTINGS})


def listeners(folder: Path) -> Any:
    return default_listeners(folder, Console(file=io.StringIO()))


def cuts(folders: Path, faults: Any, kind: str, place: str, begin: Callable[[Path], Any]) -> Iterator[tuple[Any, ...]]:
    """Begin a run for every write that there is, cut at it; yield its folder and the error that it ended with."""
    error, lasting = CUTS[kind]
    at = 0
    while True:
        at += 1
        folder = folders / str(at)
        faults.arm(at, error, place=place, lasting=lasting)
        caught: Exception | None = None
        try:
            begin(folder)
        except (RuntimeError if kind == "crash" else StorageError) as raised:
            caught = raised
        if not faults.struck:
            break
        faults.calm()
        yield folder, caught
        shutil.rmtree(folder)
    assert at > 60  # there were that many to cut at


def names(folder: Path) -> list[str]:
    """Every file and folder of a run, save the name of who held the lock: a crash may leave that one behind."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".lock.json")


@pytest.mark.parametrize("place", ["before", "amid", "after"])
@pytest.mark.parametrize("kind", CUTS)
def test_a_run_cut_at_any_write_ends_as_the_uncut_one(
    tmp_path: Path, faults: Any, outcome: Any, kind: str, place: str
) -> None:
    uncut = tmp_path / "uncut"
    train(config(), uncut)
    for folder, error in cuts(tmp_path, faults, kind, place, lambda folder: train(config(), folder)):
        if isinstance(error, StorageError):
            cause = CUTS[kind][0]
            assert isinstance(cause, OSError)
            exit_code, mend = MENDS[cause.errno or 0]
            assert error.exit_code == exit_code
            assert mend in str(error)
        train(config(), folder)
        assert outcome(folder) == outcome(uncut), f"cut {folder.name}"
        assert names(folder) == names(uncut), f"cut {folder.name}"


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
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("kind", ["crash", "full for good"])
def test_what_listeners_write_is_whole_again_when_a_cut_run_has_gone_on(
    tmp_path: Path, faults: Any, outcome: Any, kind: str, place: str
) -> None:
    def begin(folder: Path) -> None:
        train(config(PICTURED), folder, listeners=listeners)

    uncut = tmp_path / "uncut"
    begin(uncut)
    reports = [record for record in Run.open(uncut).records if isinstance(record, Reported)]
    assert all(sample_path(uncut, report.member, report.interval).exists() for report in reports)
    for folder, _ in cuts(tmp_path, faults, kind, place, begin):
        begin(folder)
        assert outcome(folder) == outcome(uncut), f"cut {folder.name}"
        assert derived(folder) == derived(uncut), f"cut {folder.name}"


@pytest.mark.slow
def test_a_listener_that_cannot_write_is_dropped_and_the_run_goes_on(
    tmp_path: Path, faults: Any, outcome: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def begin(folder: Path) -> None:
        caplog.clear()
        train(config(PICTURED), folder, listeners=listeners)

    uncut = tmp_path / "uncut"
    begin(uncut)
    dropped = set()
    for folder, error in cuts(tmp_path, faults, "full once", "before", begin):
        if error is None:
            dropped |= {record.args[0] for record in caplog.records if record.args}
            assert outcome(folder) == outcome(uncut), f"cut {folder.name}"
        else:
            assert not any(name in str(error) for name in DERIVED)
    assert dropped == {"RunLog", "MetricsTable", "SampleGrids", "TensorBoard"}


@pytest.mark.parametrize(("cause", "exit_code"), [(FULL, 1), (READ_ONLY, 2)], ids=["full", "read-only"])
def test_the_command_line_tells_a_refused_write_in_a_line_and_how_to_mend_it(
    tmp_path: Path,
    faults: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cause: OSError,
    exit_code: int,
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr("sys.argv", ["pbt-gan", "train", "quadratic", "--out", str(run), "--executor", "serial"])
    for at in (1, 20, 60):  # before there is a run, while it trains, and of its checkpoints
        faults.arm(at, cause)
        with pytest.raises(SystemExit) as ending:
            cli.main()
        assert ending.value.code == exit_code
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith(f"StorageError: Cannot write {run}")
        assert MENDS[cause.errno or 0][1] in last

"""The system refuses: a full disk, a read-only one, a limit on files. No write is faked; the kernel says no."""

import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.config.settings import Config
from pbt_gan.core.records import Report
from pbt_gan.errors import ConfigError, StorageError
from pbt_gan.interfaces import Listener
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train
from pbt_gan.store import checkpoints
from pbt_gan.store.reader import kept_checkpoints, read_run
from pbt_gan.validation import validated

Outcome = Callable[[Path], Any]
HEAVY = f"{Path(__file__).with_name('heavy.py')}:Heavy"
STATE_BYTES = 100_000
"""Of each member of that task; a journal of these runs has some 30,000."""


def config(task: str = HEAVY, executor: str = "serial") -> Config:
    pbt = {"population_size": 3, "total_steps": 100, "ready_interval": 10, "exploit": "tournament"}
    settings = {"pbt": pbt, "executor": {"name": executor, "workers": 1}, "checkpoints": {"every_s": 0.0}}
    return validated(Config, {"task": task, **settings})


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory, outcome: Outcome) -> dict[str, Any]:
    """What the runs become that nobody refuses anything, by their task."""
    folder = tmp_path_factory.mktemp("uncut")
    for name, task in (("quadratic", "quadratic"), ("heavy", HEAVY)):
        train(config(task), folder / name)
    return {"quadratic": outcome(folder / "quadratic"), HEAVY: outcome(folder / "heavy")}


@contextmanager
def limited(what: int, most: int) -> Iterator[None]:
    before = resource.getrlimit(what)
    resource.setrlimit(what, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


class After(Listener):
    """Does something once, after some reports."""

    def __init__(self, reports: int, deed: Callable[[], object]) -> None:
        self._left, self._deed = reports, deed

    def record(self, record: Any, preview: Any) -> None:
        self._left -= isinstance(record, Report)
        if self._left == 0:
            self._deed()


def check_whole(folder: Path) -> None:
    assert {path.stem for path in checkpoints.folder_of(folder).iterdir()} == kept_checkpoints(folder)


@pytest.mark.parametrize(
    ("task", "most", "file"), [("quadratic", 5_000, "journal.jsonl"), (HEAVY, STATE_BYTES // 2, "m0")]
)
def test_a_file_that_may_not_grow_ends_a_run_in_the_middle_of_a_write_and_nothing_is_lost(
    tmp_path: Path, uncut: dict[str, Any], outcome: Outcome, task: str, most: int, file: str
) -> None:
    folder = tmp_path / "run"
    refused = pytest.raises(StorageError, match=rf"Cannot write .*{file}.*File too large.*ulimit -f")
    with refused, limited(resource.RLIMIT_FSIZE, most):
        train(config(task), folder)
    assert any(isinstance(record, Report) for record in read_run(folder).records)
    assert train(config(task), folder) == "finished"
    assert outcome(folder) == uncut[task]
    check_whole(folder)


def test_a_run_that_may_open_no_more_files_ends_and_goes_on(
    tmp_path: Path, uncut: dict[str, Any], outcome: Outcome
) -> None:
    folder = tmp_path / "run"
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = After(8, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1])))
    try:
        with pytest.raises(StorageError, match=r"Cannot write .*Too many open files.*ulimit -n"):
            train(config("quadratic"), folder, listeners=lambda _: [lower])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert sum(isinstance(record, Report) for record in read_run(folder).records) >= 8
    assert train(config("quadratic"), folder) == "finished"
    assert outcome(folder) == uncut["quadratic"]
    check_whole(folder)


@pytest.mark.slow
def test_a_worker_that_cannot_be_replaced_for_want_of_files_ends_a_run_which_goes_on(
    tmp_path: Path, uncut: dict[str, Any], outcome: Outcome
) -> None:
    folder = tmp_path / "run"
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))

    try:
        with pytest.raises((StorageError, ConfigError), match=r"ulimit -n"):
            train(config("quadratic", "processes"), folder, listeners=lambda _: [After(8, lower)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert train(config("quadratic", "processes"), folder) == "finished"
    assert outcome(folder) == uncut["quadratic"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "pbt-gan-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (4_096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017 (it is how one finds the end)
    return path


@pytest.mark.parametrize("task", ["quadratic", HEAVY])
def test_a_disk_that_fills_up_ends_a_run_and_with_room_again_it_goes_on(
    disk: Path, uncut: dict[str, Any], outcome: Outcome, task: str
) -> None:
    folder = disk / "run"
    with pytest.raises(StorageError, match=r"Cannot write .*No space left on device.*Free some space") as caught:
        train(config(task), folder, listeners=lambda _: [After(8, lambda: fill(disk))])
    assert caught.value.exit_code == 1
    assert read_run(folder).ending != "finished"  # which is read on a full disk too
    with pytest.raises(StorageError, match="No space left"):
        train(config(task), folder)  # still full
    (disk / "filler").unlink()
    assert train(config(task), folder) == "finished"
    assert outcome(folder) == uncut[task]
    check_whole(folder)


def test_a_run_on_a_read_only_disk_is_read_and_refused_to_go_on(disk: Path, outcome: Outcome) -> None:
    folder = disk / "run"
    train(config("quadratic"), folder)
    before = outcome(folder)
    longer = config("quadratic").model_copy(
        update={"pbt": config("quadratic").pbt.model_copy(update={"total_steps": 120})}
    )
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StorageError, match=r"Read-only file system.*Make it writable, or choose another") as caught:
        train(longer, folder)
    assert caught.value.exit_code == 2
    with pytest.raises(StorageError, match="Read-only file system"):
        train(config("quadratic"), disk / "new")
    assert outcome(folder) == before
    assert Run.open(folder).state()
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert train(longer, folder) == "finished"

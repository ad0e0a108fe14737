"""What lies in a run's folder, or behind a link in it, and is not the run's own stays as it is."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.core.records import Report
from pbt_gan.errors import DamageError, StorageError
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.journal import Journal, path_of, read
from pbt_gan.store.paused import PausedRun
from pbt_gan.store.reader import read_run

RUN: dict[str, Any] = {"config": {}, "cards": {}}


def key(interval: int, member: int = 0) -> str:
    return f"m{member:02d}-i{interval:04d}"


def report(interval: int) -> Report:
    return Report(0, interval, interval, interval, 0.5, {}, {"lr": 0.1}, key(interval), 8)


def content(run: str, name: str) -> bytes:
    return f"{run} {name}".encode()


def trained(folder: Path, committed: int, reported: int) -> Path:
    """A run that has committed some reports, one after the other, and was cut off after some more."""
    store = DiskStore.create(folder, RUN)
    for interval in range(1, reported + 1):
        store.append([report(interval)])
        if interval <= committed:
            commit(store, interval)
    store.close("error")
    return folder


def commit(store: DiskStore, interval: int) -> None:
    store.commit(interval, {key(interval): lambda: content(store.folder.name, key(interval))}, wait=True)


def resumed(folder: Path) -> DiskStore:
    with PausedRun(folder) as paused:
        paused.restore(lambda name, data: None)
        return paused.resume()


def linked(run: Path, elsewhere: Path) -> None:
    """Move a run's checkpoints to another disk, and leave a link in their place."""
    elsewhere.mkdir(exist_ok=True)
    for path in (run / "checkpoints").iterdir():
        path.rename(elsewhere / path.name)
    (run / "checkpoints").rmdir()
    (run / "checkpoints").symlink_to(elsewhere)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("link", [False, True])
def test_a_resume_removes_what_its_journal_named_and_nothing_else(tmp_path: Path, link: bool) -> None:
    run = trained(tmp_path / "run", committed=2, reported=4)
    if link:
        linked(run, tmp_path / "disk")
    folder = run / "checkpoints"
    mine = {f"{name}.safetensors": b"mine" for name in ("mine", key(9), key(3, member=7))}
    for name, data in mine.items():
        (folder / name).write_bytes(data)
    (folder / ".mine.0123abcd.tmp").write_bytes(b"half")
    (folder / f"{key(4)}.safetensors").write_bytes(b"written for a commit that never came")
    resumed(run).close("error")
    left = files_of(folder)
    assert {**left, **mine} == left
    assert left[f"{key(2)}.safetensors"] == content("run", key(2))
    # Behind a link nobody knows who wrote what was never committed.
    assert (f"{key(4)}.safetensors" in left) is link
    assert (".mine.0123abcd.tmp" in left) is link


def test_a_commit_removes_what_the_last_but_one_named_and_nothing_else(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", committed=2, reported=2)
    linked(run, tmp_path / "disk")
    (tmp_path / "disk" / "mine.safetensors").write_bytes(b"mine")
    store = resumed(run)
    store.append([report(3)])
    commit(store, 3)
    store.close("error")
    kept = {f"{key(interval)}.safetensors" for interval in (2, 3)}
    assert set(files_of(tmp_path / "disk")) == {"mine.safetensors", *kept}


def test_what_was_damaged_behind_a_link_is_left_and_told_before_it_is_written_over(tmp_path: Path) -> None:
    """By its bytes it is nobody's."""
    run = trained(tmp_path / "run", committed=3, reported=3)
    linked(run, tmp_path / "disk")
    path = tmp_path / "disk" / f"{key(3)}.safetensors"
    path.write_bytes(b"damaged")
    store = resumed(run)
    assert store.upto == 2
    assert path.read_bytes() == b"damaged"
    store.append([report(3)])
    with pytest.raises(StorageError, match="is there already, and not what this run would write"):
        commit(store, 3)
    store.close("error")


@settings(max_examples=4)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.integers(0, 3))
def test_two_runs_behind_one_link_never_take_each_others_files(
    tmp_path_factory: pytest.TempPathFactory, committed: int, others: int, more: int, further: int
) -> None:
    """Each goes on until it would have to write over a file of the other's, which it then refuses."""
    base = tmp_path_factory.mktemp("shared")
    one = trained(base / "one", committed, committed + more)
    other = trained(base / "other", others + 5, others + 5 + further)
    for run in (one, other):
        linked(run, base / "disk")
    for run, interval in ((one, committed), (other, others + 5)):
        before = files_of(base / "disk").items()
        theirs = {name: data for name, data in before if not data.startswith(run.name.encode())}
        store = resumed(run)
        with suppress(StorageError):
            for number in range(interval + 1, interval + 7):
                store.append([report(number)])
                commit(store, number)
        store.close("error")
        now = files_of(base / "disk")
        assert {**now, **theirs} == now


def test_a_file_of_another_run_is_told_before_it_is_written_over(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", committed=1, reported=1)
    linked(run, tmp_path / "disk")
    (tmp_path / "disk" / f"{key(2)}.safetensors").write_bytes(b"of another run")
    store = resumed(run)
    store.append([report(2)])
    with pytest.raises(StorageError, match=r"is there already.*does another run use the folder") as caught:
        commit(store, 2)
    assert caught.value.exit_code == 2
    store.close("error")


def test_what_is_there_already_as_it_would_be_written_is_taken(tmp_path: Path) -> None:
    """As after a crash between a checkpoint and the line of its commit."""
    run = trained(tmp_path / "run", committed=1, reported=2)
    linked(run, tmp_path / "disk")
    (tmp_path / "disk" / f"{key(2)}.safetensors").write_bytes(content("run", key(2)))
    store = resumed(run)
    store.append([report(2)])
    commit(store, 2)
    store.close("error")
    assert read_run(run).records[-1] == report(2)


@pytest.mark.parametrize("name", ["../mine", "/mine", "a/b", "", ".mine", "a\0b"])
@pytest.mark.parametrize("kind", ["report", "commit"])
def test_a_journal_cannot_name_a_file_outside_of_the_folder(tmp_path: Path, kind: str, name: str) -> None:
    run = trained(tmp_path / "run", committed=1, reported=1)
    (run / "mine.safetensors").write_bytes(b"mine")
    digest = hashlib.sha256(b"mine").hexdigest()
    path = path_of(run)
    journal = Journal(path, read(path))
    entries: dict[str, Any] = {
        "commit": {"type": "commit", "upto": 1, "checkpoints": {name: digest}},
        "report": {**next(e for e in read(path).entries if e["type"] == "report"), "checkpoint": name},
    }
    journal.append([entries[kind]])
    journal.close()
    with pytest.raises(DamageError):
        PausedRun(run)
    assert (run / "mine.safetensors").exists()

import shutil
from pathlib import Path

import pytest

from pbt_gan.core.records import Birth
from pbt_gan.errors import DamageError, RunFolderError
from pbt_gan.store import reader
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.journal import path_of
from pbt_gan.store.paused import PausedRun
from pbt_gan.store.reader import checkpoint_bytes, read_run

RUN = {"config": {"seed": 3}, "cards": {"score": {"samples": 10}}}


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    store = DiskStore.create(tmp_path / "run", RUN)
    store.append([Birth(0, {"lr": 0.1}, "drawn")])
    store.commit(0, {"k1": b"k1".upper}, wait=True)
    return store


def test_a_living_run_is_read_without_a_lock_and_with_a_torn_end(store: DiskStore) -> None:
    store.append([Birth(1, {"lr": 0.2}, "drawn")])
    with path_of(store.folder).open("ab") as file:
        file.write(b'{"type":"mem')
    view = read_run(store.folder)
    assert [record.member for record in view.records if isinstance(record, Birth)] == [0, 1]
    assert view.config == {"seed": 3}
    assert view.cards == RUN["cards"]
    assert view.ending == "running"
    assert checkpoint_bytes(store.folder, "k1") == b"K1"
    store.close("finished")


def test_the_ending_is_that_of_the_last_session(store: DiskStore) -> None:
    store.close("Ctrl-C")
    assert read_run(store.folder).ending == "Ctrl-C"
    with PausedRun(store.folder) as paused:
        paused.restore(lambda key, data: None)
        store = paused.resume()
    assert read_run(store.folder).ending == "running"
    store.close("finished")
    assert read_run(store.folder).ending == "finished"


def test_reading_leaves_a_run_as_it_is(store: DiskStore) -> None:
    store.close("finished")
    before = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*")}
    read_run(store.folder)
    checkpoint_bytes(store.folder, "k1")
    assert {path: path.stat().st_mtime_ns for path in store.folder.rglob("*")} == before


def test_a_checkpoint_that_is_not_kept_is_told(store: DiskStore) -> None:
    with pytest.raises(RunFolderError, match="keeps no checkpoint k2; it keeps k1"):
        checkpoint_bytes(store.folder, "k2")
    store.close("error")


def test_a_damaged_or_missing_checkpoint_is_told(store: DiskStore) -> None:
    store.close("error")
    path = store.folder / "checkpoints" / "k1.safetensors"
    path.write_bytes(b"K2")
    with pytest.raises(DamageError, match=r"k1\.safetensors is damaged"):
        checkpoint_bytes(store.folder, "k1")
    path.unlink()
    with pytest.raises(DamageError, match=r"k1\.safetensors is missing"):
        checkpoint_bytes(store.folder, "k1")


def test_a_checkpoint_dropped_while_it_is_read_is_not_called_damaged(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is read, then the run commits and removes the file, then the file is looked for."""
    effective = reader._effective

    def then_commit(folder: Path) -> object:
        seen = effective(folder)
        for key in ("k2", "k3"):
            store.commit(0, {key: key.upper().encode}, wait=True)
        return seen

    monkeypatch.setattr(reader, "_effective", then_commit)
    with pytest.raises(RunFolderError, match="keeps no checkpoint k1; it keeps k2, k3"):
        checkpoint_bytes(store.folder, "k1")
    store.close("error")


def test_a_copied_run_reads_alike(store: DiskStore, tmp_path: Path) -> None:
    store.close("finished")
    shutil.copytree(store.folder, tmp_path / "copy")
    original, copy = read_run(store.folder), read_run(tmp_path / "copy")
    assert (original.run, original.records, original.ending) == (copy.run, copy.records, copy.ending)

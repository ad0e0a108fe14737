import json
import os
import threading
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from pbt_gan import files
from pbt_gan.core.records import Birth, Failure, Record, Report
from pbt_gan.errors import DamageError, RunFolderError, StorageError
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.journal import Journal, path_of, read
from pbt_gan.store.paused import PausedRun
from pbt_gan.store.reader import kept_checkpoints, read_run

RUN: dict[str, Any] = {"config": {"seed": 0, "pbt": {"total_steps": 5}, "name": "x"}, "cards": {}}


def report(interval: int, member: int = 0) -> Report:
    return Report(member, interval, interval, interval, 0.5, {}, {"lr": 0.1}, f"k{interval}", 8, worker="w")


def resume(
    folder: Path,
    changed: dict[str, Any] | None = None,
    taken: dict[str, bytes] | None = None,
    generations: int = 2,
) -> DiskStore:
    with PausedRun(folder) as paused:
        taken = {} if taken is None else taken
        paused.restore(taken.__setitem__)
        return paused.resume(changed or {}, generations=generations)


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "checkpoints").iterdir())


def intervals(records: Any) -> list[int]:
    return [record.interval for record in records if isinstance(record, Report)]


def encoded(*keys: str) -> Any:
    return {key: key.encode for key in keys}


def wait_for(store: DiskStore) -> None:
    while store.poll():
        sleep(0.001)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of three reports, two of them committed."""
    store = DiskStore.create(tmp_path / "run", RUN)
    store.append([Birth(0, {"lr": 0.1}, "drawn")])
    store.append([report(1)])
    store.append([report(2)])
    store.commit(2, encoded("k1", "k2"), wait=True)
    store.append([report(3)])
    store.close("error")
    return tmp_path / "run"


def test_a_resumed_run_goes_on_from_its_last_commit(folder: Path) -> None:
    taken: dict[str, bytes] = {}
    store = resume(folder, taken=taken)
    assert store.upto == 2
    assert intervals(store.records) == [1, 2]
    assert isinstance(store.records[0], Birth)
    assert taken == {"k1": b"k1", "k2": b"k2"}
    assert store.run["config"] == RUN["config"]
    store.append([report(3)])
    store.append([report(4)])
    store.close("finished")
    assert intervals(read_run(folder).records) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("generations", "kept"), [(1, ["k3", "k4"]), (2, ["k2", "k3", "k4"]), (3, ["k1", "k2", "k3", "k4"])]
)
def test_a_commit_removes_what_none_of_the_last_ones_names(folder: Path, generations: int, kept: list[str]) -> None:
    store = resume(folder, generations=generations)
    for interval in (3, 4):
        store.append([report(interval)])
        store.commit(interval, encoded(f"k{interval - 1}", f"k{interval}"), wait=True)
    store.close("error")
    assert names(folder) == kept
    assert kept_checkpoints(folder) == set(kept)
    assert sorted(resume(folder, generations=generations).checkpoints) == ["k3", "k4"]
    assert names(folder) == kept


def test_old_checkpoints_go_only_when_the_commit_is_safe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    perform = files.perform

    def watched(primitive: Any, *args: Any) -> Any:
        calls.append((primitive, bytes(args[1]) if primitive is os.write else args))
        return perform(primitive, *args)

    store = resume(folder, generations=1)
    monkeypatch.setattr(files, "perform", watched)
    store.commit(2, encoded("k3"), wait=True)
    monkeypatch.undo()
    store.close("error")
    made = [os.open, os.write, os.fsync, os.replace, os.fsync]
    assert [call for call, _ in calls] == [*made, os.write, os.fsync, os.unlink, os.unlink]
    assert calls[5][1].startswith(b'{"type":"commit"')


def test_a_checkpoint_is_written_once(folder: Path) -> None:
    store = resume(folder)
    calls: list[str] = []

    def encode() -> bytes:
        calls.append("k3")
        return b"k3"

    store.append([report(3)])
    store.commit(3, {"k2": lambda: pytest.fail("it is on disk"), "k3": encode}, wait=True)
    store.commit(3, {"k2": lambda: pytest.fail("it is on disk"), "k3": encode}, wait=True)
    store.close("error")
    assert calls == ["k3"]


def test_a_commit_covers_no_report_that_came_while_it_was_written(folder: Path) -> None:
    store = resume(folder)
    gate = threading.Event()

    def encode() -> bytes:
        gate.wait()
        return b"k3"

    store.append([report(3), Failure(0, 4, 1, "w", "died")])
    store.commit(3, {"k3": encode}, wait=False)
    assert store.poll()
    store.append([report(4)])
    assert names(folder) == ["k1", "k2"]
    gate.set()
    wait_for(store)
    assert names(folder) == ["k1", "k2", "k3"]
    store.close("error")
    assert intervals(read_run(folder).records) == [1, 2, 3, 4]
    assert intervals(resume(folder).records) == [1, 2, 3]


def test_a_commit_finishes_the_one_before(folder: Path) -> None:
    store = resume(folder)
    for interval in (3, 4):
        store.append([report(interval)])
        store.commit(interval, encoded(f"k{interval}"), wait=interval == 4)
    store.close("error")
    commits = [entry["upto"] for entry in read(path_of(folder)).entries if entry["type"] == "commit"]
    assert commits == [2, 3, 4]


def test_a_commit_under_way_is_given_up_on_close(folder: Path) -> None:
    store = resume(folder)
    store.append([report(3)])
    store.commit(3, encoded("k3"), wait=False)
    store.close("Ctrl-C")
    store.close("twice")
    assert resume(folder).upto == 2
    assert names(folder) == ["k1", "k2"]


def test_an_error_of_the_writing_thread_is_told(folder: Path) -> None:
    def fail() -> bytes:
        raise StorageError("full")

    store = resume(folder)
    store.commit(2, {"k9": fail}, wait=False)
    with pytest.raises(StorageError, match="full"):
        wait_for(store)
    store.close("error")
    assert resume(folder).upto == 2


def test_without_a_commit_a_run_begins_anew(tmp_path: Path) -> None:
    store = DiskStore.create(tmp_path, RUN)
    store.append([Birth(0, {}, "drawn"), report(1)])
    store.close("error")
    assert intervals(read_run(tmp_path).records) == [1]
    store = resume(tmp_path)
    assert store.records == ()
    store.append([Birth(0, {}, "drawn"), report(1)])
    store.close("error")
    assert len(read_run(tmp_path).records) == 2


def test_failed_attempts_of_orders_under_way_are_forgotten(folder: Path) -> None:
    store = resume(folder)
    records: list[Record] = [Failure(0, 3, 1, "w", "died"), Failure(1, 1, 1, "w", "died"), report(3)]
    store.append([*records, Failure(0, 4, 1, "w", "died")])
    store.commit(3, encoded("k3"), wait=True)
    store.close("error")
    failures = [record for record in resume(folder).records if isinstance(record, Failure)]
    assert failures == records[:1]


def test_a_second_resume_before_a_commit_cancels_the_first_ones_records(folder: Path) -> None:
    for _ in range(2):
        store = resume(folder)
        store.append([report(3), report(4)])
        store.close("error")
    assert intervals(read_run(folder).records) == [1, 2, 3, 4]
    assert intervals(resume(folder).records) == [1, 2]


def test_changes_add_up_in_the_runs_config(folder: Path) -> None:
    resume(folder, {"pbt.total_steps": 9, "executor.workers": 3}).close("error")
    store = resume(folder, {"name": None})
    changed = {"seed": 0, "pbt": {"total_steps": 9}, "executor": {"workers": 3}}
    assert store.run["config"] == changed
    store.close("error")
    assert read_run(folder).config == changed
    assert RUN["config"]["pbt"] == {"total_steps": 5}


def test_resume_sweeps_what_no_commit_names(folder: Path) -> None:
    for name in (
        "checkpoints/k3.safetensors",
        "checkpoints/.k4.safetensors.0123abcd.tmp",
        ".journal.jsonl.89abcdef.tmp",
    ):
        (folder / name).write_bytes(b"half")
    resume(folder).close("error")
    assert names(folder) == ["k1", "k2"]
    assert not list(folder.rglob("*.tmp"))


def test_a_new_run_takes_no_folder_of_an_old_one(folder: Path) -> None:
    before = path_of(folder).read_bytes()
    with pytest.raises(RunFolderError, match="holds a run already; `pbt-gan resume"):
        DiskStore.create(folder, RUN)
    assert path_of(folder).read_bytes() == before
    resume(folder).close("error")  # and the lock is free


def test_resume_finds_no_run_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunFolderError, match="holds no run"):
            resume(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["flip", "cut", "missing"])
def test_a_damaged_checkpoint_is_told_and_nothing_is_touched(folder: Path, damage: str) -> None:
    path = folder / "checkpoints" / "k2.safetensors"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"k3" if damage == "flip" else b"k")
    (folder / "checkpoints" / "k9.safetensors").write_bytes(b"of no commit")
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(DamageError, match=r"k2\.safetensors is (damaged|missing)"):
        resume(folder)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_a_sound_entry_without_sense_is_told(folder: Path) -> None:
    path = path_of(folder)
    journal = Journal(path, read(path))
    journal.append([{"type": "report", "member": 0}])
    journal.close()
    with pytest.raises(DamageError, match=r"journal\.jsonl, line 8, is damaged"):
        resume(folder)


def test_whatever_may_differ_stands_under_time(folder: Path) -> None:
    entries = [json.loads(line) for line in path_of(folder).read_bytes().splitlines()]
    assert [entry["type"] for entry in entries] == ["run", "member", "report", "report", "commit", "report", "end"]
    assert all(entry["time"]["at_s"] > 0 for entry in entries if entry["type"] in ("commit", "end"))

"""The checkpoints of the last two commits are kept, and a run goes on from the older one where the newer is damaged."""

import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.core.records import Birth, Failure, Record, Report
from pbt_gan.errors import DamageError
from pbt_gan.interfaces import Fallback
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.effective import EffectiveJournal
from pbt_gan.store.journal import Journal, path_of, read
from pbt_gan.store.paused import PausedRun
from pbt_gan.store.reader import checkpoint_bytes, committed, kept_checkpoints, read_run

RUN: dict[str, Any] = {"config": {}, "cards": {}}


def report(interval: int, member: int = 0) -> Report:
    return Report(member, interval, interval, interval, 0.5, {}, {"lr": 0.1}, f"k{interval}", 8)


def intervals(records: Any) -> list[int]:
    return [record.interval for record in records if isinstance(record, Report)]


def commit(store: DiskStore, upto: int, *keys: str) -> None:
    store.commit(upto, {key: key.encode for key in keys}, wait=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of five reports, with commits after the second and the fourth; both name `best`."""
    store = DiskStore.create(tmp_path / "run", RUN)
    store.append([Birth(0, {"lr": 0.1}, "drawn"), report(1), report(2)])
    commit(store, 2, "best", "k2")
    store.append([report(3), report(4)])
    commit(store, 4, "best", "k3", "k4")
    store.append([report(5)])
    store.close("error")
    return tmp_path / "run"


def path(folder: Path, key: str) -> Path:
    return folder / "checkpoints" / f"{key}.safetensors"


def spoil(folder: Path, *keys: str, how: str = "flip") -> None:
    for key in keys:
        if how == "gone":
            path(folder, key).unlink()
        else:
            path(folder, key).write_bytes(b"?" * len(key) if how == "flip" else key[:-1].encode())


def resumed(folder: Path) -> tuple[DiskStore, Fallback | None, dict[str, bytes]]:
    taken: dict[str, bytes] = {}
    with PausedRun(folder) as paused:
        fallback = paused.restore(taken.__setitem__)
        return paused.resume(), fallback, taken


@pytest.mark.parametrize("how", ["flip", "cut", "gone"])
def test_a_run_whose_last_commit_is_damaged_goes_on_from_the_one_before(folder: Path, how: str) -> None:
    spoil(folder, "k4", how=how)
    store, fallback, taken = resumed(folder)
    assert fallback == Fallback(("k4",), upto=2, lost=2)
    assert {**taken, "best": b"best", "k2": b"k2"} == taken
    assert store.upto == 2
    assert intervals(store.records) == [1, 2]
    assert sorted(store.checkpoints) == ["best", "k2"]
    assert sorted(each.stem for each in (folder / "checkpoints").iterdir()) == ["best", "k2"]
    store.append([report(3), report(4)])
    commit(store, 4, "best", "k4")
    store.close("finished")
    for view in (store.view(), read_run(folder)):
        assert intervals(view.records) == [1, 2, 3, 4]
        assert view.fallbacks == (fallback,)
    assert checkpoint_bytes(folder, "k4") == b"k4"
    entry = next(entry for entry in read(path_of(folder)).entries if entry["type"] == "resume")
    assert (entry["upto"], entry["damaged"]) == (2, ["k4"])


def test_every_damaged_checkpoint_is_named(folder: Path) -> None:
    spoil(folder, "k3", "k4")
    store, fallback, _ = resumed(folder)
    store.close("error")
    assert fallback == Fallback(("k3", "k4"), upto=2, lost=2)


def test_damage_to_the_older_commit_alone_harms_nobody(folder: Path) -> None:
    spoil(folder, "k2")
    store, fallback, _ = resumed(folder)
    store.close("error")
    assert fallback is None
    assert store.upto == 4
    assert "damaged" not in read(path_of(folder)).entries[-2]


@pytest.mark.parametrize(
    ("keys", "named"), [(["k2", "k4"], "k4.safetensors and .*k2.safetensors are"), (["best"], "is")]
)
def test_damage_to_both_commits_is_told_and_nothing_is_touched(folder: Path, keys: list[str], named: str) -> None:
    spoil(folder, *keys)
    before = {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    with pytest.raises(DamageError, match=f"None of the last 2 commits is whole: .*{named} missing or damaged"):
        resumed(folder)
    assert {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()} == before


def test_a_run_falls_back_again_and_again_and_never_past_what_is_kept(folder: Path) -> None:
    spoil(folder, "k4")
    store, _, _ = resumed(folder)
    store.append([report(3)])
    commit(store, 3, "best", "k3")
    store.close("error")
    spoil(folder, "k3")
    store, fallback, _ = resumed(folder)
    store.close("error")
    assert fallback == Fallback(("k3",), upto=2, lost=1)
    assert len(read_run(folder).fallbacks) == 2
    spoil(folder, "k2")
    with pytest.raises(DamageError, match=r"k2\.safetensors is damaged"):
        resumed(folder)


def test_what_each_commit_covers_can_be_read(folder: Path) -> None:
    assert [intervals(records) for records in committed(folder)] == [[1, 2, 3, 4], [1, 2]]
    assert kept_checkpoints(folder) == {"best", "k2", "k3", "k4"}


def test_a_commit_that_names_nothing_new_takes_the_place_of_the_last(folder: Path) -> None:
    store, _, _ = resumed(folder)
    for keys in (("best", "k3", "k4"), ("best", "k4")):  # as where a run is stopped
        commit(store, 4, *keys)
        assert kept_checkpoints(folder) == {"k2", *keys}
        assert [intervals(records) for records in committed(folder)] == [[1, 2, 3, 4], [1, 2]]
    store.close("error")
    assert {each.stem for each in (folder / "checkpoints").iterdir()} == {"best", "k2", "k4"}


def test_one_generation_keeps_one_commit(tmp_path: Path) -> None:
    store = DiskStore.create(tmp_path, RUN, generations=1)
    for interval in (1, 2):
        store.append([report(interval)])
        commit(store, interval, f"k{interval}")
    store.close("error")
    assert kept_checkpoints(tmp_path) == {"k2"}
    spoil(tmp_path, "k2")
    with pytest.raises(DamageError, match=r"k2\.safetensors is damaged"):
        resumed(tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "resume", "upto": 2, "changed": {}},  # of the commit before, and nothing says why
        {"type": "resume", "upto": 4, "changed": {}, "damaged": ["k4"]},
        {"type": "resume", "upto": 0, "changed": {}, "damaged": ["best"]},
        {"type": "resume", "upto": 2, "changed": {}, "damaged": [["k4"]]},
        {"type": "commit", "upto": 5, "checkpoints": {}, "generations": 0},
        {"type": "commit", "upto": 5, "checkpoints": {}, "generations": True},
    ],
)
def test_an_entry_that_contradicts_the_commits_is_damage(folder: Path, entry: dict[str, Any]) -> None:
    journal = Journal(path_of(folder), read(path_of(folder)))
    journal.append([entry])
    journal.close()
    with pytest.raises(DamageError, match=r"journal\.jsonl, line 11, is damaged"):
        read_run(folder)


class Story:
    """A run of one member that may commit, fail, be cut off, and lose checkpoints; and what must be left of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = DiskStore.create(folder, RUN)
        self.records: list[Record] = []
        self.cuts: list[list[Record]] = []

    def report(self) -> None:
        self.add(report(len(intervals(self.records)) + 1))

    def fail(self) -> None:
        self.add(Failure(0, len(intervals(self.records)) + 1, 1, "w", "died"))

    def commit(self) -> None:
        done = intervals(self.records)
        commit(self.store, len(done), *(f"k{interval}" for interval in done[-1:]))
        if self.cuts and intervals(self.cuts[-1])[-1:] == done[-1:]:
            self.cuts.pop()  # it names nothing new
        self.cuts = [*self.cuts, self.records][-2:]

    def resume(self) -> None:
        self.store.close("error")
        self.store, fallback, _ = resumed(self.folder)
        assert fallback is None
        self.go_back()

    def fall_back(self) -> None:
        self.store.close("error")
        last = intervals(self.cuts[-1])[-1:] if self.cuts else []
        if len(self.cuts) == 2 and last and last != intervals(self.cuts[0])[-1:]:
            self.cuts.pop()
            spoil(self.folder, f"k{last[0]}")
        self.store, _, _ = resumed(self.folder)
        self.go_back()

    def add(self, record: Record) -> None:
        self.records = [*self.records, record]
        self.store.append([record])

    def go_back(self) -> None:
        self.cuts = [list(answered(cut)) for cut in self.cuts]
        self.records = list(self.cuts[-1]) if self.cuts else []


def answered(records: list[Record]) -> Iterator[Record]:
    """Leave out the failures of an order that was never answered."""
    last = max((place for place, record in enumerate(records) if isinstance(record, Report)), default=-1)
    yield from (record for place, record in enumerate(records) if place <= last or not isinstance(record, Failure))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["report", "report", "fail", "commit", "commit", "resume", "fall_back"]), max_size=14))
def test_whatever_happens_a_run_has_what_its_commits_cover(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("story") / "run"
    story = Story(folder)
    for deed in deeds:
        getattr(story, deed)()
        records = read_run(folder).records
        assert list(records) == story.records
        assert [list(answered(list(cut))) for cut in committed(folder)] == [
            list(answered(cut)) for cut in reversed(story.cuts)
        ]
    story.store.close("error")
    shutil.rmtree(folder)


@pytest.mark.parametrize(("first", "second"), list(combinations(range(1, 4), 2)))
def test_the_number_of_generations_may_change(tmp_path: Path, first: int, second: int) -> None:
    store = DiskStore.create(tmp_path, RUN, generations=second)
    for interval in range(1, 5):
        store.append([report(interval)])
        commit(store, interval, f"k{interval}")
    store.close("error")
    with PausedRun(tmp_path) as paused:
        paused.restore(lambda key, data: None)
        store = paused.resume(generations=first)
    assert len(kept_checkpoints(tmp_path)) == second  # until the next commit
    store.append([report(5)])
    commit(store, 5, "k5")
    store.close("error")
    assert kept_checkpoints(tmp_path) == {f"k{interval}" for interval in range(6 - first, 6)}
    assert {each.stem for each in (tmp_path / "checkpoints").iterdir()} == kept_checkpoints(tmp_path)
    effective = EffectiveJournal.of(path_of(tmp_path), read(path_of(tmp_path)).entries)
    assert effective.commit.upto == 5

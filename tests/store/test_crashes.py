"""A scripted run is cut at every write, resumed, and must end as the run that was never cut."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from io import FileIO
from itertools import starmap
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan import codec
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.records import Birth, Donor, Exploit, Failure, Record, Report
from pbt_gan.errors import DamageError, RunFolderError, StorageError
from pbt_gan.store import journal
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.paused import PausedRun
from pbt_gan.store.reader import checkpoint_bytes, kept_checkpoints, read_run

POPULATION = 2
REPORTS = 10
RUN = {"config": {"pbt": {"total_steps": 5}}, "cards": {}, "time": {"host": "here"}}
ERRORS = {
    "crash": RuntimeError("power cut"),
    "full": OSError(errno.ENOSPC, "No space left on device"),
    "read-only": OSError(errno.EROFS, "Read-only file system"),
}


def key(member: int, interval: int) -> str:
    return f"m{member:02d}-i{interval:04d}"


def content(name: str) -> bytes:
    return codec.encode({"name": name, "weights": np.arange(len(name)) + sum(map(ord, name))})


def needed(reports: int) -> dict[str, Callable[[], bytes]]:
    last = {place % POPULATION: place // POPULATION + 1 for place in range(reports)}
    return {name: partial(content, name) for name in starmap(key, last.items())}


def answered(place: int) -> Iterator[Record]:
    """What a controller would say to an answer: the report, and once all have answered, a decision for each."""
    interval, member = place // POPULATION + 1, place % POPULATION
    score = float("nan") if place == 3 else place / 3
    setting: Hyperparams = {"lr": 0.1 * interval, "loss": "hinge"}
    name = key(member, interval)
    yield Report(member, interval, interval, interval, score, {"loss": score}, setting, name, 8, worker="w0")
    if member == POPULATION - 1:
        donor = Donor(0, interval, interval, key(0, interval))
        for recipient in range(POPULATION):
            yield Exploit(recipient, interval, donor, ("weights",), "none", setting, setting, "tournament", "why")


def play(folder: Path, *, until: int = REPORTS) -> None:
    """Run the script to its end, from wherever its folder has it."""
    restored: dict[str, bytes] = {}
    if journal.path_of(folder).exists():
        with PausedRun(folder) as paused:
            paused.restore(restored.__setitem__)
            store = paused.resume()
    else:
        store = DiskStore.create(folder, RUN)
    ending = "error"
    try:
        assert restored == {name: content(name) for name in store.checkpoints}
        if not store.records:
            store.append([Birth(member, {"lr": 0.1, "loss": "hinge"}, "drawn") for member in range(POPULATION)])
        done = sum(isinstance(record, Report) for record in store.records)
        assert set(store.checkpoints) == set(needed(done))
        for place in range(done, until):
            if place == 4:
                store.append([Failure(0, 3, 1, "w1", "was killed")])
            store.append(list(answered(place)))
            if not store.poll() and place % 3 == 2:
                store.commit(place + 1, needed(place + 1), wait=place % 2 == 0)
        while store.poll():
            sleep(0.001)
        if until == REPORTS:
            store.commit(until, needed(until), wait=True)
            ending = "finished"
    finally:
        store.close(ending)


def outcome(folder: Path) -> tuple[Any, ...]:
    """Everything about a run that no crash may change."""
    view = read_run(folder)
    records = [repr(record) for record in view.records if not isinstance(record, Failure)]
    weights = {name: checkpoint_bytes(folder, name) for name in needed(REPORTS)}
    assert {path.stem for path in (folder / "checkpoints").iterdir()} == kept_checkpoints(folder)
    names = sorted(path.name for path in folder.iterdir())
    return records, weights, view.ending, view.run, names


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    folder = tmp_path_factory.mktemp("uncut") / "run"
    play(folder)
    return outcome(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "place", "lasting"),
    [
        *((kind, place, True) for kind in ERRORS for place in ("before", "after")),
        ("crash", "amid", True),
        *(("full", place, False) for place in ("before", "amid", "after")),  # then there is room again
    ],
)
def test_a_run_cut_at_any_write_ends_as_the_uncut_one(
    tmp_path: Path, faults: Any, uncut: tuple[Any, ...], kind: str, place: str, lasting: bool
) -> None:
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        faults.arm(at, ERRORS[kind], place=place, lasting=lasting)
        with suppress(RuntimeError if kind == "crash" else StorageError):
            play(folder)
        if not faults.struck:
            break
        faults.calm()
        play(folder)
        assert outcome(folder) == uncut, f"cut at write {at}"
        shutil.rmtree(folder)
    assert at > 50  # there were that many to cut at


@pytest.mark.slow
def test_a_run_cut_again_and_again_ends_as_the_uncut_one(tmp_path: Path, faults: Any, uncut: tuple[Any, ...]) -> None:
    folder = tmp_path / "run"
    for at in [*range(1, 40), *range(30, 0, -3)]:
        faults.arm(at, ERRORS["crash"], place="amid")
        with suppress(RuntimeError):
            play(folder)
    faults.calm()
    play(folder)
    assert outcome(folder) == uncut


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, int]:
    """A run that stopped after eight reports of which six are committed, and the length of its committed journal."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    play(folder, until=8)
    data = journal.path_of(folder).read_bytes()
    return folder, data, data.index(b"\n", data.rindex(b'"commit"')) + 1


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_journal_torn_anywhere_after_its_last_commit_resumes(
    tmp_path_factory: pytest.TempPathFactory,
    uncut: tuple[Any, ...],
    stopped: tuple[Path, bytes, int],
    data: st.DataObject,
) -> None:
    source, written, committed = stopped
    folder = tmp_path_factory.mktemp("torn") / "run"
    shutil.copytree(source, folder)
    size = data.draw(st.integers(committed, len(written)))
    noise = data.draw(st.binary(max_size=20))
    journal.path_of(folder).write_bytes(written[:size] + noise)
    play(folder)
    assert outcome(folder) == uncut


@pytest.mark.slow
def test_a_bit_flipped_up_to_the_last_commit_is_told(tmp_path: Path, stopped: tuple[Path, bytes, int]) -> None:
    _, written, committed = stopped
    path = journal.path_of(tmp_path)
    path.write_bytes(written)
    with path.open("r+b", buffering=0) as file:
        for position in range(committed):
            flip(file, position, written[position] ^ 1 << position % 8)
            with pytest.raises((DamageError, RunFolderError)) as caught:  # the format's number is believed as it stands
                read_run(tmp_path)
            flip(file, position, written[position])
            line = written.count(b"\n", 0, position) + 1
            assert f"line {line}, is damaged" in str(caught.value) or "has run format" in str(caught.value)


def flip(file: FileIO, position: int, value: int) -> None:
    file.seek(position)
    file.write(bytes([value]))


def test_the_script_makes_every_kind_of_write(tmp_path: Path, faults: Any) -> None:
    folder = tmp_path / "run"
    play(folder, until=8)
    with journal.path_of(folder).open("ab") as file:
        file.write(b"torn")
    play(folder)
    assert faults.called == {os.open, os.write, os.fsync, os.replace, os.unlink, os.mkdir, os.ftruncate}

"""What a newer version has written is told, wherever it stands; what makes no sense is told as damage."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.records import Birth, Donor, Exploit, Failure, Report, Retire, to_json
from pbt_gan.errors import DamageError, RunFolderError, StorageError
from pbt_gan.store.journal import FORMAT, MOST_DEPTH, Journal, path_of, strict
from pbt_gan.store.reader import read_run

RUN: dict[str, Any] = {
    "type": "run",
    "format": FORMAT,
    "name": "mine",
    "config": {"seed": 0, "pbt": {"total_steps": 5}},
    "versions": {"pbt-gan": "0.9"},
    "fingerprint": {"data": "0"},
    "cards": {"score": {"samples": 3}},
    "places": {"/a": "../a"},
    "time": {"host": "here"},
}
ENTRIES: list[dict[str, Any]] = [
    RUN,
    to_json(Birth(0, {"lr": 0.1}, "drawn")),
    to_json(Report(0, 1, 10, 10, 0.5, {"loss": 0.1}, {"lr": 0.1}, "m00-i0001", 8)),
    to_json(Exploit(0, 1, Donor(0, 1, 10, "m00-i0001"), ("weights",), "none", {}, {}, "best", "why", memory={"a": 1})),
    to_json(Failure(0, 2, 1, "w0", "was killed", "worker")),
    to_json(Retire(0, 2, "why")),
    {"type": "commit", "upto": 1, "checkpoints": {"m00-i0001": "0"}, "time": {"at_s": 1.0}},
    {"type": "resume", "upto": 1, "changed": {"seed": 1}, "versions": {"pbt-gan": "1.0"}, "places": {}, "time": {}},
    {"type": "end", "ending": "finished", "time": {}},
]
NAMED = {"config", "metrics", "hyperparams", "checkpoints", "changed", "versions", "fingerprint", "cards", "places"}
NAMED |= {"before", "after", "sources", "memory"}
"""Tables whose keys are names that somebody gave: any may stand there."""

names = st.text("aé_ -.", min_size=1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def written(folder: Path, entries: list[dict[str, Any]]) -> Path:
    path = path_of(folder)
    journal = Journal.create(path, strict(entries[0]))
    journal.append(entries[1:])
    journal.close()
    return folder


def tables(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every table of an entry whose keys are fields; what stands under `time` of the journal's own decides nothing."""
    yield entry
    for key, value in entry.items():
        if isinstance(value, dict) and key not in NAMED and (key != "time" or entry["type"] == "report"):
            yield from tables(value)


def refusal(folder: Path) -> RunFolderError | DamageError | None:
    """Return the error with which a run is refused; no other is let through."""
    try:
        read_run(folder)
    except (RunFolderError, DamageError) as error:
        return error
    return None


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return written(tmp_path, ENTRIES)


def test_what_is_known_is_read(plain: Path) -> None:
    view = read_run(plain)
    assert (len(view.records), view.ending) == (4, "finished")  # the resume has cancelled the failure


@given(st.integers(0, len(ENTRIES) - 1), names, json_values, st.data())
def test_no_field_that_is_not_known_is_dropped_wherever_it_stands(
    tmp_path_factory: pytest.TempPathFactory, place: int, name: str, value: Any, data: st.DataObject
) -> None:
    entries = copy.deepcopy(ENTRIES)
    places = list(tables(entries[place]))
    data.draw(st.sampled_from(places))[f"new {name}"] = value
    with pytest.raises(RunFolderError) as caught:
        read_run(written(tmp_path_factory.mktemp("run"), entries))
    said = str(caught.value)
    assert f"line {place + 1}, has the field 'new " in said
    assert f"format {FORMAT} (written by pbt-gan {'1.0' if place == 8 else '0.9'})" in said


@given(st.integers(1, len(ENTRIES)), names.map("new {}".format), st.sampled_from(ENTRIES[1:]))
def test_no_entry_of_a_kind_that_is_not_known_is_dropped_wherever_it_stands(
    tmp_path_factory: pytest.TempPathFactory, place: int, kind: str, like: dict[str, Any]
) -> None:
    entries = [*ENTRIES[:place], {**like, "type": kind}, *ENTRIES[place:]]
    with pytest.raises(RunFolderError, match=f"line {place + 1}, has an entry of the kind 'new "):
        read_run(written(tmp_path_factory.mktemp("run"), entries))


@given(st.data(), json_values)
def test_any_value_at_any_place_of_the_first_line_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, value: Any
) -> None:
    entries = copy.deepcopy(ENTRIES)
    table = entries[0]
    while True:
        key = data.draw(st.sampled_from(sorted(table)))
        if not isinstance(table[key], dict) or not table[key] or data.draw(st.booleans()):
            break
        table = table[key]
    table[key] = value
    error = refusal(written(tmp_path_factory.mktemp("run"), entries))
    assert error is None or (error.exit_code == 2 and len(str(error).splitlines()) == 1)


@given(st.data(), st.integers(1, len(ENTRIES) - 1), json_values)
def test_any_value_at_any_place_of_a_later_line_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, place: int, value: Any
) -> None:
    entries = copy.deepcopy(ENTRIES)
    entries[place][data.draw(st.sampled_from(sorted(entries[place])))] = value
    error = refusal(written(tmp_path_factory.mktemp("run"), entries))
    assert error is None or len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[]",
        b"3",
        b"{}",
        b'{"type":null}',
        b'{"type":"run"}',
        b'{"type":"run","format":null}',
        b'{"type":"run","format":true}',
        b'{"type":"run","format":[1]}',
        b'{"type":"run","format":99,"versions":null}',
        b'{"type":"run","format":99,"versions":{"pbt-gan":[]}}',
        b'{"type":"run","format":%s}' % (b"9" * 5_000),
        b'{"type":"run","format":1,"config":%s}' % (b"[" * 100_000 + b"]" * 100_000),
        b"\xff\xfe",
        b"",
    ],
)
def test_a_first_line_that_is_nonsense_is_a_persons_mistake(tmp_path: Path, line: bytes) -> None:
    path_of(tmp_path).write_bytes(line + b"\n")
    with pytest.raises((RunFolderError, DamageError)) as caught:
        read_run(tmp_path)
    assert caught.value.exit_code == 2


def test_a_journal_without_end_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbt_gan.store.journal.MOST_LINE_BYTES", 10_000)
    with path_of(tmp_path).open("wb") as file:
        file.truncate(10**9)  # a hole: it takes no room
    with pytest.raises(DamageError):
        read_run(tmp_path)
    with path_of(tmp_path).open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(RunFolderError, match="larger than 4 GiB"):
        read_run(tmp_path)


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize("value", [nested(MOST_DEPTH), 10**300, -(10**300)], ids=["deep", "large", "low"])
def test_what_would_not_be_read_is_not_written(plain: Path, value: Any) -> None:
    journal = Journal.create(path_of(plain), RUN)
    with pytest.raises(StorageError, match="neither would be read again"):
        journal.append([{"type": "member", "memory": value}])
    journal.append([{"type": "member", "memory": nested(MOST_DEPTH - 3), "number": 10**299}])
    journal.close()
    assert len(path_of(plain).read_bytes().splitlines()) == 2
    assert json.loads(path_of(plain).read_bytes().splitlines()[1])["number"] == 10**299

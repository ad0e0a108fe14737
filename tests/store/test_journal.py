import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.core.records import Birth, Donor, Exploit, Failure, Record, Report, from_json, to_json
from pbt_gan.errors import DamageError, RunFolderError
from pbt_gan.store.journal import FORMAT, Journal, path_of, read

RUN = {"type": "run", "format": FORMAT, "versions": {"pbt-gan": "0.1"}}

numbers = st.floats()
metrics = st.dictionaries(st.text(max_size=8), numbers, max_size=2)
hyperparams = st.dictionaries(
    st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=2
)
keys = st.text(max_size=8)
counts = st.integers(0, 10**6)
donors = st.builds(Donor, counts, counts, counts, keys)
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(Birth, counts, hyperparams, st.sampled_from(["drawn", "given"])),
    st.builds(
        Report,
        counts,
        counts,
        counts,
        counts,
        numbers,
        metrics,
        hyperparams,
        keys,
        counts,
        st.lists(keys, max_size=2).map(tuple),
    ),
    st.builds(
        Exploit,
        counts,
        counts,
        st.none() | donors,
        st.just(("weights",)),
        keys,
        hyperparams,
        hyperparams,
        keys,
        st.text(),
        st.lists(numbers, max_size=3).map(tuple),
        counts,
        st.none() | keys,
    ),
    st.builds(Failure, counts, counts, counts, keys, st.text()),
)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of a run, three failures, a commit and one more failure."""
    journal = Journal.create(path_of(tmp_path), RUN)
    journal.append({"type": "failure", "member": member} for member in range(3))
    journal.append([{"type": "commit", "upto": 0, "checkpoints": {}}], durable=True)
    journal.append([{"type": "failure", "member": 3}])
    journal.close()
    return path_of(tmp_path)


@settings(deadline=None)
@given(st.lists(records, max_size=5))
def test_records_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[Record]
) -> None:
    path = path_of(tmp_path_factory.mktemp("run"))
    journal = Journal.create(path, RUN)
    journal.append(map(to_json, written))
    journal.close()
    back = [from_json(entry) for entry in read(path).entries[1:]]
    assert list(map(repr, back)) == list(map(repr, written))  # nan is no equal of itself


def test_every_line_is_strict_json(path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    journal = Journal(path, read(path))
    journal.append([{"type": "x", "values": [float("nan"), float("inf"), (float("-inf"),)], "text": "a\nb\u2028é"}])
    journal.close()
    last: dict[str, Any] = [json.loads(line, parse_constant=refuse) for line in lines_of(path)][-1]
    assert last["values"] == ["NaN", "Infinity", ["-Infinity"]]
    assert [float(value) for value in last["values"][1:2]] == [float("inf")]
    assert last["text"] == "a\nb\u2028é"


def test_entries_are_appended_behind_a_torn_end(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type":"report","mem')
    journal = Journal(path, read(path))
    journal.append([{"type": "failure", "member": 4}])
    journal.close()
    assert path.read_bytes().startswith(whole)
    assert [entry.get("member") for entry in read(path).entries] == [None, 0, 1, 2, None, 3, 4]


@pytest.mark.parametrize("line", range(1, 6))
def test_a_missing_line_before_the_last_commit_is_told(path: Path, line: int) -> None:
    lines = lines_of(path)
    del lines[line - 1]
    path.write_bytes(b"".join(lines))
    if line == 5:  # the commit itself: indistinguishable from one that was never written
        assert len(read(path).entries) == 4
        return
    with pytest.raises(DamageError, match=f"line {line}, is damaged"):
        read(path)


def test_exchanged_lines_are_told(path: Path) -> None:
    lines = lines_of(path)
    lines[1:3] = lines[2:0:-1]
    path.write_bytes(b"".join(lines))
    with pytest.raises(DamageError, match="line 2, is damaged"):
        read(path)


def test_damage_after_the_last_commit_ends_the_journal(path: Path) -> None:
    lines = lines_of(path)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1].replace(b"3", b"4", 1) + lines[-1])
    assert len(read(path).entries) == 5


def test_another_format_version_is_told(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"format":3', b'"format":4'))
    with pytest.raises(
        RunFolderError, match=r"format 4 \(written by pbt-gan 0\.1\); this pbt-gan reads formats 1 to 3"
    ):
        read(path)


@pytest.mark.parametrize("data", [b"", b"\n", b"no journal\n", b"[1]\n", b'{"type":"run","format":1}\n', b"\xff\x00"])
def test_a_file_that_is_no_journal_is_told(tmp_path: Path, data: bytes) -> None:
    path_of(tmp_path).write_bytes(data)
    with pytest.raises(DamageError, match="line 1, is damaged"):
        read(path_of(tmp_path))


def test_a_folder_without_a_journal_holds_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="holds no run"):
        read(path_of(tmp_path))

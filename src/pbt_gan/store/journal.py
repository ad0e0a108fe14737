"""The journal: one strict JSON object a line, each ending in a checksum of itself and of all lines before it."""

import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pbt_gan import files
from pbt_gan.core.records import Json
from pbt_gan.errors import DamageError, RunFolderError, StorageError

FORMAT = 3
"""The version of a run's folder that is written. It grows with every kind of entry, and every field, that decides."""

READABLE = (1, 2, 3)
"""Versions that are read; a run of another one is refused."""

MOST_BYTES = 4 * 2**30
"""Of a journal: of some million reports."""

MOST_LINE_BYTES = 64 * 2**20
"""Of one entry, also of the first, in which the configuration stands."""

MOST_DEPTH = 100
"""Of values in values in an entry."""

_SEAL = b',"crc32":"'
_COMMIT_MARKS = (b'{"type":"commit"', b'"checkpoints":{"')  # two, so that a commit is known by one when damaged
_LONG_NUMBER = re.compile(rb"\d{300}")
_LARGEST = 10**300  # a whole number that still is one as a float


@dataclass(frozen=True, slots=True)
class Contents:
    """The sound part of a journal."""

    entries: Sequence[Json]
    size: int  # bytes of it; what follows in the file is a torn end, or damage after the last commit
    checksum: int  # of it


class Journal:
    """The end of a journal, where entries are added."""

    def __init__(self, path: Path, contents: Contents) -> None:
        self._file = files.Appender(path, size=contents.size)
        self._checksum = contents.checksum

    @classmethod
    def create(cls, path: Path, *first: Json) -> "Journal":
        """Begin a journal, in one step: it never exists without its first entries."""
        return cls(path, _written(path, first))

    def append(self, entries: Iterable[Json], *, durable: bool = False) -> None:
        """Write entries, all at once; with `durable` they and all before them survive a power cut."""
        lines, checksum = _sealed_lines(entries, self._checksum)
        self._file.append(lines)
        self._checksum = checksum
        if durable:
            self._file.sync()

    @property
    def end(self) -> Contents:
        """Where the next entry will stand, for `read` to go on from there."""
        return Contents((), self._file.size, self._checksum)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def path_of(folder: Path) -> Path:
    """Return a run's journal."""
    return folder / "journal.jsonl"


def read(path: Path, after: Contents | None = None) -> Contents:
    """Read a journal, also while it is written: up to its torn end, or to damage after the last commit.

    Args:
        path: the journal.
        after: only what was written after this.

    Raises:
        RunFolderError: there is no journal, or it is one of another format version.
        DamageError: a line before the last commit is not what was written; says which.
    """
    try:
        with files.opened(path) as file:
            return _read(path, file, after or Contents((), 0, 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunFolderError(f"{path.parent} holds no run; `pbt-gan train --out {path.parent}` begins one.") from error
    except OSError as error:
        raise RunFolderError(f"Cannot read {path}: {error.strerror or error}.") from error


def upgraded(path: Path, contents: Contents, versions: Json) -> Contents:
    """Write a journal of an older format anew as one of this version, in one step; others stay as they are.

    The older pbt-gan refuses it from then on, as it should: it would drop without a word what is added now. It looks at
    the first line only, and says that whoever is named there has written it.
    """
    first, *rest = contents.entries
    if first["format"] == FORMAT:
        return contents
    began_with = first.get("versions", {})
    return _written(path, [{**first, "format": FORMAT, "versions": versions, "began_with": began_with}, *rest])


def damaged(path: Path, line: int) -> DamageError:
    """Return the error for a line of a journal that is not what was written."""
    error = DamageError(
        f"{path}, line {line}, is damaged: its content is not what was written. Restore the file from a copy."
    )
    if line == 1:
        error.exit_code = RunFolderError.exit_code  # as likely a file of somebody else's that is called so
    return error


def strict(value: Any) -> Any:
    """Return a JSON value with nan and ±inf as the strings that Python's `float` reads back."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return value


def _read(path: Path, file: IO[bytes], after: Contents) -> Contents:
    if file.seek(0, 2) > MOST_BYTES:
        raise RunFolderError(f"{path} is larger than {MOST_BYTES / 2**30:.0f} GiB, more than any run writes.")
    file.seek(after.size)
    entries: list[Json] = []
    size, checksum, sound = after.size, after.checksum, True
    for line in _lines(file):
        if sound:
            body = line.rpartition(_SEAL)[0] + b"}"
            entry = _parse(body)
            if size == 0:
                _check_format(path, entry or _parse(line) or {})
            sealed = zlib.crc32(body, checksum)
            sound = entry is not None and "type" in entry and line == _sealed(body, sealed)
            if sound and entry is not None:
                entries.append(entry)
                checksum = sealed
                size += len(line) + 1
        if not sound and (size == 0 or any(mark in line for mark in _COMMIT_MARKS)):
            raise damaged(path, len(entries) + 1)
    if size == 0:
        raise damaged(path, 1)
    return Contents(entries, size, checksum)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Return the whole lines of a file, and pieces of one that is too long; a torn last line is none."""
    while line := file.readline(MOST_LINE_BYTES):
        if line.endswith(b"\n"):
            yield line[:-1]
        elif len(line) == MOST_LINE_BYTES:
            yield line


def _check_format(path: Path, first: Json) -> None:
    version = first.get("format") if first.get("type") == "run" else None
    if type(version) is int and version not in READABLE:
        raise RunFolderError(
            f"{path.parent} has run format {version}{written_by(first)}; this pbt-gan reads formats "
            f"{READABLE[0]} to {READABLE[-1]}. Use the pbt-gan that wrote it."
        )


def written_by(entry: Json) -> str:
    """Return ` (written by pbt-gan 0.1)` if an entry says so."""
    versions = entry.get("versions")
    writer = versions.get("pbt-gan") if isinstance(versions, Mapping) else None
    return f" (written by pbt-gan {writer:.40})" if isinstance(writer, str) else ""


def _written(path: Path, entries: Iterable[Json]) -> Contents:
    lines, checksum = _sealed_lines(entries, 0)
    files.write(path, lines)
    return Contents((), len(lines), checksum)


def _sealed_lines(entries: Iterable[Json], checksum: int) -> tuple[bytes, int]:
    lines = bytearray()
    for entry in entries:
        body = json.dumps(strict(entry), separators=(",", ":"), allow_nan=False).encode()
        if not _is_plain(body, entry):
            raise StorageError(
                f"An entry of the kind {entry['type']!r} holds values in values {MOST_DEPTH} deep, or a whole number "
                "of 300 digits; neither would be read again."
            )
        checksum = zlib.crc32(body, checksum)
        lines += _sealed(body, checksum) + b"\n"
    return bytes(lines), checksum


def _sealed(body: bytes, checksum: int) -> bytes:
    return body[:-1] + _SEAL + b'%08x"}' % checksum


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and _is_plain(line, entry) else None


def _is_plain(line: bytes, entry: Json) -> bool:
    """Whether an entry holds nothing that is nested too deep, nor a number that overflows."""
    if line.count(b"{") + line.count(b"[") <= MOST_DEPTH and not _LONG_NUMBER.search(line):
        return True  # nearly all of them: no look inside
    level: list[Any] = [entry]
    for _ in range(MOST_DEPTH):
        if any(type(value) is int and abs(value) >= _LARGEST for value in level):
            return False
        level = [item for value in level for item in _items(value)]
    return not level


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()

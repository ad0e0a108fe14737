"""The journal: one strict JSON object a line, each ending in a checksum of itself and of all lines before it."""

import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.core.records import Json
from pbt_gan.errors import DamageError, RunFolderError

FORMAT = 1
"""The version of a run's folder; one of another version is refused."""

_SEAL = b',"crc32":"'
_COMMIT_MARKS = (b'{"type":"commit"', b'"checkpoints":{"')  # two, so that a commit is known by one when damaged


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
    def create(cls, path: Path, first: Json) -> "Journal":
        """Begin a journal, in one step: it never exists without its first entry."""
        line, checksum = _seal(first, 0)
        files.write(path, line)
        return cls(path, Contents((first,), len(line), checksum))

    def append(self, entries: Iterable[Json], *, durable: bool = False) -> None:
        """Write entries, all at once; with `durable` they and all before them survive a power cut."""
        checksum = self._checksum
        lines = b""
        for entry in entries:
            line, checksum = _seal(entry, checksum)
            lines += line
        self._file.append(lines)
        self._checksum = checksum
        if durable:
            self._file.sync()

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def path_of(folder: Path) -> Path:
    """Return a run's journal."""
    return folder / "journal.jsonl"


def read(path: Path) -> Contents:
    """Read a journal, also while it is written: up to its torn end, or to damage after the last commit.

    Raises:
        RunFolderError: there is no journal, or it is one of another format version.
        DamageError: a line before the last commit is not what was written; says which.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunFolderError(f"{path.parent} holds no run; `pbt-gan train --out {path.parent}` begins one.") from error
    except OSError as error:
        raise RunFolderError(f"Cannot read {path}: {error.strerror or error}.") from error
    lines = data.split(b"\n")[:-1]  # a torn last line has no end
    _check_format(path, lines)
    entries: list[Json] = []
    size = checksum = 0
    for line in lines:
        body = line.rpartition(_SEAL)[0] + b"}"
        entry = _parse(body)
        sealed = zlib.crc32(body, checksum)
        if not entry or "type" not in entry or line != _sealed(body, sealed):
            break
        entries.append(entry)
        checksum = sealed
        size += len(line) + 1
    rest = b"\n".join(lines[len(entries) :])
    if not entries or any(mark in rest for mark in _COMMIT_MARKS):
        raise damaged(path, len(entries) + 1)
    return Contents(entries, size, checksum)


def damaged(path: Path, line: int) -> DamageError:
    """Return the error for a line of a journal that is not what was written."""
    return DamageError(
        f"{path}, line {line}, is damaged: its content is not what was written. Restore the file from a copy."
    )


def _check_format(path: Path, lines: Sequence[bytes]) -> None:
    first = _parse(lines[0]) if lines else None
    if first and first.get("type") == "run" and first.get("format") != FORMAT:
        writer = first.get("versions", {})
        version = f" (written by pbt-gan {writer['pbt-gan']})" if "pbt-gan" in writer else ""
        raise RunFolderError(
            f"{path.parent} has run format {first.get('format')}{version}; this pbt-gan reads format {FORMAT}. "
            "Use the pbt-gan that wrote it."
        )


def _seal(entry: Json, checksum: int) -> tuple[bytes, int]:
    body = json.dumps(strict(entry), separators=(",", ":"), allow_nan=False).encode()
    checksum = zlib.crc32(body, checksum)
    return _sealed(body, checksum) + b"\n", checksum


def _sealed(body: bytes, checksum: int) -> bytes:
    return body[:-1] + _SEAL + b'%08x"}' % checksum


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def strict(value: Any) -> Any:
    """Return a JSON value with nan and ±inf as the strings that Python's `float` reads back."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return value

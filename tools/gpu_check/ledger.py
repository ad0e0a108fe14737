"""The folder that remembers which pieces are done, and what they measured.

It is flat and holds three files, so that it can be carried from machine to machine between two calls.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tools.gpu_check.pieces import Piece

TOLD_BYTES = 20_000
"""The end of what a piece has said is kept, up to so much."""

LOG_BYTES = 8 << 20

Outcome = Literal["done", "failed", "stuck"]


@dataclass(frozen=True)
class Entry:
    """What became of a piece."""

    outcome: Outcome
    seconds: float
    told: str = ""  # its last line, where it is not done


class Ledger:
    """What is known of all pieces.

    Args:
        folder: is made, or read if there is one.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._entries_file = folder / "pieces.json"
        self._lines_file = folder / "measurements.jsonl"
        self._log = folder / "log.txt"
        self.entries: dict[str, Entry] = {}
        self.lines: list[Mapping[str, Any]] = []
        if self._entries_file.exists():
            entries = json.loads(self._entries_file.read_text(encoding="utf-8"))
            self.entries = {name: Entry(**entry) for name, entry in entries.items()}
        if self._lines_file.exists():
            self.lines = measured(self._lines_file)

    def left(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Return what is to be done still: first what was never tried, then what went wrong."""
        wrong = [piece for piece in pieces if piece.name in self.entries and not self.done(piece)]
        return [piece for piece in pieces if piece.name not in self.entries] + wrong

    def done(self, piece: Piece) -> bool:
        """Say whether a piece is done."""
        return piece.name in self.entries and self.entries[piece.name].outcome == "done"

    def note(self, piece: Piece, entry: Entry, lines: Iterable[Mapping[str, Any]], told: bytes) -> None:
        """Remember what became of a piece, in place of what was known of it."""
        self._forget_lines(piece.name)
        self.entries[piece.name] = entry
        self.lines += [{**line, "piece": piece.name} for line in lines]
        head = f"=== {piece.name}: {entry.outcome} after {entry.seconds:.0f} s\n".encode()
        before = self._log.read_bytes() if self._log.exists() else b""
        _write(self._log, (before + head + told[-TOLD_BYTES:] + b"\n")[-LOG_BYTES:])
        self._save()

    def forget(self, names: Iterable[str]) -> None:
        """Know nothing of some pieces any more."""
        for name in names:
            self.entries.pop(name, None)
            self._forget_lines(name)
        self._save()

    def _forget_lines(self, name: str) -> None:
        self.lines = [line for line in self.lines if line["piece"] != name]

    def _save(self) -> None:
        _write(self._lines_file, "".join(f"{json.dumps(line)}\n" for line in self.lines).encode())
        entries = {name: asdict(entry) for name, entry in self.entries.items()}
        _write(self._entries_file, json.dumps(entries, indent=2, ensure_ascii=False).encode())


def measured(path: Path) -> list[Mapping[str, Any]]:
    """Return the measurements of a file, up to a line that was cut off."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: the machine may be taken away at any time."""
    other = path.with_suffix(".new")
    other.write_bytes(data)
    other.replace(path)

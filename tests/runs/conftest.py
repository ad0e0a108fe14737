"""What whole runs are compared by, and how they are begun in no time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pbt_gan.core.records import Failure, to_json
from pbt_gan.runs.result import Run
from pbt_gan.store import journal
from pbt_gan.store.effective import EffectiveJournal
from pbt_gan.store.reader import checkpoint_bytes

FORKING = Path(__file__).with_name("forking.py")

Outcome = Callable[[Path], tuple[Any, ...]]


@pytest.fixture(scope="session")
def outcome() -> Outcome:
    """Return everything about a run that no crash may change, with the weights of its last commit."""

    def read(folder: Path) -> tuple[Any, ...]:
        run = Run.open(folder)
        decided = [to_json(record) for record in run.records() if not isinstance(record, Failure)]
        for entry in decided:
            entry.pop("time", None)
        path = journal.path_of(folder)
        committed = EffectiveJournal.of(path, journal.read(path).entries).commit.checkpoints
        weights = {key: checkpoint_bytes(folder, key) for key in committed}
        return run.ending, sorted(map(repr, decided)), weights

    return read


class Forks:
    """Becomes a run, in a process of its own, as often as it is asked."""

    def __init__(self) -> None:
        self._mark = f"PBT_GAN_MARK={uuid4()}".encode()  # which all inherit that it and its runs ever start
        name, _, value = self._mark.decode().partition("=")
        self._process = subprocess.Popen(
            [sys.executable, str(FORKING)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, name: value},
            text=True,
        )

    def begin(self, folder: Path, settings: dict[str, Any]) -> int:
        """Begin or go on with a run; return its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps([str(folder), settings])}\n")
        self._process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        """Return with what it ended."""
        return int(self._line())

    def living(self) -> set[int]:
        """Return all processes that its runs have started, and theirs; those that have ended do not count."""
        return {
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/environ")
            if int(path.parent.name) != self._process.pid and self._mark in _content(path)
        }

    def close(self) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # somebody else's, or it has just ended
        return b""


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with closing(Forks()) as forks:
        yield forks

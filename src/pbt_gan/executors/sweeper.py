"""A small process that outlives this one by a moment, if this one is killed: it leaves nothing of the run behind."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pbt_gan.executors import sweeping


class Sweeper:
    """Kills the process groups of workers and removes folders as soon as this process is gone.

    Workers do end by themselves then, but not in a call that holds Python's lock; and if they were killed too, what
    they have started would live on, and nobody would remove the folders.

    Args:
        folders: to be removed.

    Raises:
        OSError: the system starts no more processes.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-IS", sweeping.__file__, *map(str, folders)],
            stdin=subprocess.PIPE,  # ends when this process does
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # what is sent to the whole job does not reach it
        )

    def began(self, group: int) -> None:
        """Take note of a process group."""
        self._tell(f"+{group}\n")

    def ended(self, group: int) -> None:
        """Take note that a process group has ended: its number may soon be another one's."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End it: this process has ended and removed everything itself. May be called twice."""
        self._process.kill()
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # somebody has killed it; workers still end by themselves
            self._process.stdin.write(line)
            self._process.stdin.flush()

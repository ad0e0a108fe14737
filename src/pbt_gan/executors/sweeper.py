"""A small process that outlives this one by a moment, if this one is killed: it leaves nothing of the run behind."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pbt_gan.executors import sweeping

_PATIENCE_S = 10.0  # it takes a moment


class Sweeper:
    """Kills the process groups of workers and removes folders as soon as this process is gone.

    Workers do end by themselves then, but not in a call that holds Python's lock; and if they were killed too, what
    they have started would live on, and nobody would remove the folders.

    Args:
        folders: to be removed.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._groups: set[int] = set()
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, after the first workers: whoever looks at this process's children finds those first.

        Raises:
            OSError: the system starts no more processes.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-IS", sweeping.__file__, *map(str, self._folders)],
            stdin=subprocess.PIPE,  # ends when this process does
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # what is sent to the whole job does not reach it
        )
        for group in sorted(self._groups):
            self._tell(f"+{group}\n")

    def began(self, group: int) -> None:
        """Take note of a process group."""
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def ended(self, group: int) -> None:
        """Take note that a process group has ended: its number may soon be another one's."""
        self._groups.discard(group)
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End it: this process has ended everything itself. May be called twice.

        Folders that could not be removed here, as where no more files may be opened, it removes first.
        """
        if self._process is None:
            return
        if any(folder.exists() for folder in self._folders):
            with suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=_PATIENCE_S)
        self._process.kill()
        self._process.communicate()

    def _tell(self, line: str) -> None:
        if self._process is None:
            return  # it is told when it starts
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # somebody has killed it; workers still end by themselves
            self._process.stdin.write(line)
            self._process.stdin.flush()

"""A process that trains a run, from its start to its end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from pbt_gan.executors.scratch import places
from pbt_gan.store.journal import path_of
from tools.chaos.kinds import Kind

PATIENCE_S = 120.0
"""How long anything may take on a busy machine."""

_GONE_S = 20.0  # for what a dead process leaves behind


class Life:
    """One coordinator of a run, its command just given."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self._begun = reports(folder)
        self._process = subprocess.Popen(
            kind.command(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.pid = self._process.pid

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def goes_on(self, count: int) -> bool:
        """Wait until so many more reports have come; return False if it ended before."""
        wanted = reports(self.folder) + count
        wait_until(lambda: self.over or reports(self.folder) >= wanted)
        return not self.over

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if not self.over:
            os.kill(self.pid, number)

    def ended(self) -> tuple[int, str]:
        """Wait for its end; return its exit code, and what it said.

        Raises:
            TimeoutError: it does not end.
        """
        try:
            out, err = self._process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"process {self.pid} does not end") from error
        return self._process.returncode, out + err

    def workers(self) -> list[int]:
        """Return its worker processes, those of a dead one included."""
        return workers_of(self.pid)

    def leftovers(self) -> list[str]:
        """Wait until nothing of a dead one is left; return what stays."""

        def left() -> list[str]:
            folders = [str(path) for place in places() for path in place.glob(f"pbt-gan-scratch-{self.pid}-*")]
            return [*(f"worker process {worker}" for worker in self.workers()), *folders]

        until_s = time.monotonic() + _GONE_S
        while (found := left()) and time.monotonic() < until_s:
            time.sleep(0.05)
        return found

    def kill(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.communicate()


def reports(folder: Path) -> int:
    """Return how many reports a run's journal holds, cancelled ones included."""
    try:
        return path_of(folder).read_bytes().count(b'{"type":"report"')
    except OSError:
        return 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something to come true.

    Raises:
        TimeoutError: it does not.
    """
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until_s:
            raise TimeoutError("waited in vain")
        time.sleep(0.01)


def workers_of(run: int) -> list[int]:
    """Return the worker processes of a run's process, by the folder in shared memory that they were given."""
    mark = f"/pbt-gan-scratch-{run}-".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:  # it has just ended
            continue
        if mark in words and b"pbt_gan.executors.worker" in words:
            found.append(int(path.parent.name))
    return sorted(found)

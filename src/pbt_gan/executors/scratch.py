"""Folders that do not outlive their owner: removed when it closes them, or else by the next owner that starts."""

import fcntl
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_SHARED = Path("/dev/shm")
_NAME = re.compile(r"pbt-gan-scratch-\d+-\w+")
"""Of our folders and of nobody else's: a folder called pbt-gan-main is somebody's work."""


def places() -> list[Path]:
    """Return where scratch folders may lie, best first: shared memory where there is some, then the disk."""
    shared = [_SHARED] if os.access(_SHARED, os.W_OK | os.X_OK) else []
    return [*shared, Path(tempfile.gettempdir())]


class Scratch:
    """A new folder, locked for as long as this process lives; it and its content go when it is closed.

    The lock, and not the process id in its name, tells whether a folder is still in use: ids are used again, and two
    containers may share the memory but not the ids.
    """

    def __init__(self, place: Path) -> None:
        sweep(place)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=f"pbt-gan-scratch-{os.getpid()}-", dir=place))
            self._handle = os.open(self.path, os.O_RDONLY)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            if self.path.exists():  # else a sweep came in between
                return
            os.close(self._handle)

    def close(self) -> None:
        """Remove the folder; may be called twice."""
        if self._handle >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._handle)
            self._handle = -1


def sweep(place: Path) -> None:
    """Remove the folders whose owners died without closing them."""
    for path in place.iterdir():
        if not _NAME.fullmatch(path.name):
            continue
        with suppress(OSError):  # in use, somebody else's, or gone
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)

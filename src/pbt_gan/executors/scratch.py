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
        self._handle = -1
        while self._handle < 0:  # until a folder could be locked before another owner's sweep found it
            self.path = Path(tempfile.mkdtemp(prefix=f"pbt-gan-scratch-{os.getpid()}-", dir=place))
            try:
                self._handle = _locked(self.path, fcntl.LOCK_EX)
            except FileNotFoundError:  # swept after it was made: nobody can tell it from one whose owner died just then
                continue
            except OSError:
                self.path.rmdir()
                raise

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
            handle = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


def _locked(path: Path, how: int) -> int:
    """Return an open folder that is locked and lies at its path.

    Raises:
        FileNotFoundError: it was removed before it was locked.
        OSError: somebody else holds the lock, or there can be none.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, how)
        if not os.path.samestat(os.fstat(handle), path.lstat()):
            raise FileNotFoundError(path)
    except OSError:
        os.close(handle)
        raise
    return handle

"""One process writes a run. The lock goes with the process, however that ends; readers need none."""

import fcntl
import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from pbt_gan import files
from pbt_gan.errors import RunFolderError

_TIMEOUT_S = 0.5  # longer than a reader's glance, which holds the lock for an instant


class RunLock:
    """The right to write a run's folder, taken on construction.

    Raises:
        RunFolderError: another process holds it; says which.
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock, Timeout  # not needed by those who only read

        self._holder = _holder(folder)
        self._lock = FileLock(_path(folder), timeout=_TIMEOUT_S, thread_local=False)
        with files.explained(folder):
            try:
                self._lock.acquire()
            except Timeout as error:
                raise RunFolderError(
                    f"{folder} is in use by {_whom(folder)}. Wait until it ends, or stop it with Ctrl-C."
                ) from error
        try:
            files.write(self._holder, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        except BaseException:
            self._lock.release()
            raise

    def release(self) -> None:
        """Give the right back."""
        try:
            files.remove(self._holder)
        finally:
            self._lock.release()


def held(folder: Path) -> bool:
    """Whether a process writes this run now."""
    try:
        handle = os.open(_path(folder), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _path(folder: Path) -> Path:
    return folder / ".lock"


def _holder(folder: Path) -> Path:
    return folder / ".lock.json"


def _whom(folder: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        holder = json.loads(_holder(folder).read_bytes())
        return f"process {holder['pid']} on {holder['host']}"
    return "another process"

"""One process writes a run. The lock goes with the process, however that ends; readers need none."""

import errno
import fcntl
import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from pbt_gan import files
from pbt_gan.errors import RunFolderError

_LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What a file system says that has no locks, or whose server keeps none: not that somebody holds one."""

_TIMEOUT_S = 0.5  # longer than a reader's glance, which holds the lock for an instant


class RunLock:
    """The right to write a run's folder, taken on construction.

    Raises:
        RunFolderError: another process holds it; says which. Or the file system has no locks.
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock, Timeout  # not needed by those who only read

        self._holder = _holder(folder)
        self._lock = FileLock(_path(folder), timeout=_TIMEOUT_S, thread_local=False)
        with files.explained(folder):
            _check_locks(folder)
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
        handle = os.open(_path(folder), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _LOCKLESS  # where there are no locks, nobody holds one
    finally:
        os.close(handle)
    return False


def _check_locks(folder: Path) -> None:
    """Raise RunFolderError on a file system without locks: filelock would take each of its refusals for a holder."""
    handle = os.open(_path(folder), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _LOCKLESS:
            _path(folder).unlink(missing_ok=True)
            raise RunFolderError(
                f"{folder} lies on a file system without locks ({error.strerror}), where two processes could write one "
                "run unseen. Train in a folder on a disk of this machine and copy it there afterwards, or have that "
                "file system mounted with locks (flock)."
            ) from error
    finally:
        os.close(handle)


def _path(folder: Path) -> Path:
    return folder / ".lock"


def _holder(folder: Path) -> Path:
    return folder / ".lock.json"


def _whom(folder: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        holder = json.loads(files.content(_holder(folder), 1_000))
        return f"process {holder['pid']} on {holder['host']}"
    return "another process"

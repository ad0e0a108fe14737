"""Every write of the package goes through here: atomic files, append-only files, errors that a person can act on."""

import errno
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from pbt_gan.errors import StorageError

Data = bytes | bytearray | memoryview
T = TypeVar("T")

_HALF = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")  # what `write` calls a file until it is whole
_FULL = "Free some space and try again."
_REFUSED = "Make it writable, or choose another folder with --out."
_LINK = "It is a link, which could lead anywhere; remove it."
_LIMITED = "A limit was set on what this process may do; raise it (ulimit {}) and try again."
_MENDS = {
    errno.ELOOP: _LINK,
    errno.ENOSPC: _FULL,
    errno.EFBIG: _LIMITED.format("-f"),
    errno.EMFILE: _LIMITED.format("-n"),
    errno.EDQUOT: _FULL,
    errno.EROFS: _REFUSED,
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
    errno.ENOTDIR: _REFUSED,
    errno.EEXIST: _REFUSED,
}
_USERS_FAULT_EXIT_CODE = 2


def perform(primitive: Callable[..., T], *args: object) -> T:
    """Carry out one call that changes the disk: the only place that does, so that a test can make any of them fail."""
    return primitive(*args)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError that names the path and says how to mend it."""
    try:
        yield
    except OSError as error:
        mend = _MENDS.get(error.errno or 0, "Is the disk still there?")
        told = StorageError(f"Cannot write {path}: {error.strerror or error}. {mend}")
        if mend is _REFUSED:
            told.exit_code = _USERS_FAULT_EXIT_CODE
        raise told from error


def write(path: Path, data: Data, *, durable: bool = True) -> None:
    """Write a whole file: a reader, or a crash at any moment, finds the old content or the new one.

    Args:
        path: the file; its folder exists.
        data: its content.
        durable: safe from a power cut on return. False is enough for what can be made again.

    Raises:
        StorageError: the disk refused.
    """
    tmp = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    with explained(path):
        try:
            handle = perform(os.open, tmp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                _write_all(handle, data)
                if durable:
                    perform(os.fsync, handle)  # bytes on disk before the name points at them
            finally:
                os.close(handle)
            perform(os.replace, tmp, path)
        except OSError:
            with suppress(OSError):
                perform(os.unlink, tmp)  # a full disk is no place for half a file
            raise
        if durable:
            _fsync_folder(path.parent)  # or a power cut may forget the rename


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that nobody else may read; what is there already, made by whoever was faster, stays.

    Raises:
        StorageError: the disk refused.
    """
    tmp = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    with explained(path):
        try:
            handle = perform(os.open, tmp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                _write_all(handle, data)
                perform(os.fsync, handle)
            finally:
                os.close(handle)
            with suppress(FileExistsError):
                perform(os.link, tmp, path)  # unlike a rename it displaces nothing
        finally:
            with suppress(OSError):
                perform(os.unlink, tmp)
        _fsync_folder(path.parent)


def opened(path: Path) -> IO[bytes]:
    """Open a file of a folder from elsewhere for reading: never a pipe, which would be waited for, nor a device.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file")
    return os.fdopen(handle, "rb")


def content(path: Path, most: int) -> bytes:
    """Return the bytes of such a file.

    Raises:
        OSError: it cannot be read, is no file, or has more bytes than `most`.
    """
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
        return file.read()


def remove(path: Path) -> None:
    """Remove a file; one that is gone already is fine."""
    with explained(path), suppress(FileNotFoundError):
        perform(os.unlink, path)


def rename(path: Path, new: Path) -> None:
    """Give a whole file its name, in place of what has it; both lie in one folder."""
    with explained(new):
        perform(os.replace, path, new)
        _fsync_folder(new.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; one that is there already is fine."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    with explained(path):
        try:
            perform(os.mkdir, path)
        except FileExistsError:
            if not path.is_dir():  # else another process was faster
                raise
        _fsync_folder(path.parent)


def make_own_folder(path: Path) -> None:
    """Make a folder for what is derived; a link in its place, which somebody else may have laid, is refused.

    Raises:
        StorageError: it is a link, or the disk refused.
    """
    with explained(path):
        if path.is_symlink():
            raise OSError(errno.ELOOP, "it is a link")
    make_folder(path)


def sweep(folder: Path) -> None:
    """Remove the halves of files that a crash left in a folder or below; only for the one process that writes there.

    Left alone is what is not called as `write` calls them, and what lies behind a link or in a hidden folder.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in filter(_HALF.fullmatch, names):
            remove(Path(place) / name)


def own(folder: Path, names: re.Pattern[str]) -> list[Path]:
    """Return what lies in a folder under the names that this package gives, sorted.

    None of it if the folder is a link: what lies on another disk may be somebody else's, who gives the same names.
    """
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if names.fullmatch(path.name))


class Appender:
    """A file that only grows, save for a torn end.

    Args:
        path: the file; made if it is missing, its folder exists.
        size: bytes to keep of it; None: all. What follows is cut off before the first write.
    """

    def __init__(self, path: Path, *, size: int | None = None) -> None:
        self.path = path
        self._torn = size is not None
        with explained(path):
            new = not path.exists()
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            self._handle = perform(os.open, path, flags, 0o666)
            if new:
                _fsync_folder(path.parent)
        self.size = os.fstat(self._handle).st_size if size is None else size  # bytes that are whole

    def append(self, data: bytes) -> None:
        """Append with one write and no fsync; after a failed one, the next begins where that one began."""
        with explained(self.path):
            if self._torn:
                perform(os.ftruncate, self._handle, self.size)
            self._torn = True
            _write_all(self._handle, data)
            self._torn = False
        self.size += len(data)

    def sync(self) -> None:
        """Make all that was appended safe from a power cut."""
        with explained(self.path):
            perform(os.fsync, self._handle)

    def close(self) -> None:
        """Let the file go; may be called twice."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class Scratch:
    """A file without a name, for what can be read only once and is needed again. It goes with the process."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir())
        with explained(self._folder):
            self._file = perform(tempfile.TemporaryFile)
        self.size = 0  # bytes

    def append(self, data: Data) -> None:
        """Append with one write."""
        with explained(self._folder):
            _write_all(self._file.fileno(), data)
        self.size += len(data)

    def fileno(self) -> int:
        """Return its descriptor, for reading anywhere."""
        return self._file.fileno()

    def close(self) -> None:
        """Let it go, with all that it holds."""
        self._file.close()


def _write_all(handle: int, data: Data) -> None:
    view = memoryview(data).cast("B")
    while view:  # the kernel may take less than it is given, such as when the disk fills up
        view = view[perform(os.write, handle, view) :]


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        perform(os.fsync, handle)
    finally:
        os.close(handle)

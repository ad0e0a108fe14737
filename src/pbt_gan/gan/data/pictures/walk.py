"""All files below a folder, each once."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pbt_gan.errors import DataError, printable
from pbt_gan.gan.data.pictures.layout import MOST_FOLDERS
from pbt_gan.gan.data.pictures.listing import MOST_FILES
from pbt_gan.gan.data.pictures.names import ignored_file, ignored_folder, is_table

_MOST_NAMED = 3  # folders that a remark names


class Walk:
    """Look through a folder and all that lies below it.

    Links are followed after everything that is really there, in the order of their names. So what lies in the folder
    keeps its own name, a second way to it is left out, and nothing depends on the order that a file system has. Links
    to a folder that this one lies in are left out too.

    Args:
        path: a folder.

    Raises:
        DataError: there are too many files.
        OSError: the folder itself cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.pictures: dict[str, str] = {}  # and descriptions: their stamps, by name
        self.tables: dict[str, str] = {}  # which count as ignored too: who reads them reads nothing else
        self.ignored: Counter[str] = Counter()
        self._path = path
        self._unreadable: list[str] = []
        self._seen: set[tuple[int, int]] = set()  # device and inode
        self._left = MOST_FILES
        os.scandir(path).close()  # raises whatever keeps the folder from being read at all
        links = self._folder("", path.stat())
        above = {_identity(folder.stat()) for folder in path.resolve().parents}
        while links:
            links = [link for name in sorted(links) for link in self._follow(name, above)]

    @property
    def remarks(self) -> list[str]:
        """What could not be looked through."""
        if not self._unreadable:
            return []
        names = [f"{printable(name)[:80]}/" for name in sorted(self._unreadable)]
        return [f"cannot be read: {', '.join(names[:_MOST_NAMED])}{', …' if len(names) > _MOST_NAMED else ''}"]

    def _follow(self, name: str, above: set[tuple[int, int]]) -> list[str]:
        """Take what a link leads to, and return the links that were found there."""
        try:
            status = (self._path / name).stat()
        except OSError:
            self.ignored["dead links"] += 1
            return []
        identity = _identity(status)
        if identity in self._seen or identity in above:
            self.ignored["repeated links"] += 1
            return []
        return self._folder(name, status) if self._take(name, status) else []

    def _folder(self, name: str, status: os.stat_result) -> list[str]:
        """Look through a folder and what really lies below it, and return the links among that."""
        links = []
        waiting = [(name, status)]
        while waiting:
            folder, status = waiting.pop()
            if folder.count("/") >= MOST_FOLDERS:
                self.ignored["deeply nested folders"] += 1
                continue
            self._seen.add(_identity(status))
            for entry in self._entries(folder):
                inner = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_symlink():
                    links.append(inner)
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:  # it has gone since
                    continue
                if self._take(inner, status):
                    waiting.append((inner, status))
        return links

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self._path / folder) as entries:
                for entry in entries:
                    self._left -= 1
                    if self._left < 0:
                        raise DataError(
                            f"{self._path} holds more than {MOST_FILES:,} files; give a folder with the pictures alone."
                        )
                    yield entry
        except OSError:
            self._unreadable.append(folder)
            self.ignored["unreadable folders"] += 1

    def _take(self, name: str, status: os.stat_result) -> bool:
        """Note a file; return whether it is a folder to look through."""
        last = name.rpartition("/")[2]
        if stat.S_ISDIR(status.st_mode):
            kind = ignored_folder(last)
            self.ignored.update([kind] if kind else [])
            return kind is None
        self._seen.add(_identity(status))
        kind = ignored_file(last) if stat.S_ISREG(status.st_mode) else "special files"
        stamp = f"{status.st_size} {status.st_mtime_ns}"
        if kind is None:
            self.pictures[name] = stamp
            return False
        self.ignored[kind] += 1
        if kind == "other files" and is_table(last):
            self.tables[name] = stamp
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino

"""A tar of picture files, plain or packed. Nothing is unpacked to a disk by its name.

What is packed can only be read from its begin. So it is read once, and its pictures are kept in a file without a name.
"""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, Protocol, cast

from pbt_gan.errors import DataError, printable
from pbt_gan.files import Scratch
from pbt_gan.gan.data.bounded import PIECE_BYTES, read_up_to
from pbt_gan.gan.data.pictures.collection import Collection, Item
from pbt_gan.gan.data.pictures.listing import MOST_FILES, Names, check_picture, class_names, listed
from pbt_gan.gan.data.pictures.tar_entries import Stream, entries, padding

MOST_KEPT_BYTES = 2**34
"""Of all pictures of an archive that is packed."""

MOST_RATIO = 100
"""Of what is unpacked to what is packed, beyond `FREE_BYTES`: pictures are packed already."""

FREE_BYTES = 2**28

MOST_MEMORY_BYTES = 2**28
"""That an xz archive may want for being unpacked: four times what its highest level takes."""

_DAMAGED = (tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)


class Place(NamedTuple):
    """Where the content of a file lies."""

    offset: int
    size: int
    stamp: str


class _Source(Stream, Protocol):
    """A tar on its way, and what is left of it."""

    def keep(self, size: int) -> Place:
        """Go on by so many bytes that are needed again."""

    def fileno(self) -> int:
        """Return the descriptor of what was kept."""

    def close(self) -> None:
        """Let go of it."""


class TarOfPictures(Collection):
    """Picture files in a tar. Of a name that occurs twice the last counts, as it does for whoever unpacks it.

    Raises:
        DataError: it is damaged, a bomb, or ends too early.
    """

    kind = "tar of images"

    def __init__(self, path: Path) -> None:
        names = Names()
        packed = _packed(path)
        self._source: _Source = _Plain(path) if packed is None else _Packed(path, packed)
        try:
            with _errors_told(path):
                self._places = _sorted_out(self._source, names)
            stamps = {name: place.stamp for name, place in self._places.items()}
            self.items, self.ignored, self.remarks = listed(stamps, +names.ignored, self._begin)
            self.class_names = class_names(self.items)
        except BaseException:
            self.close()
            raise

    def read(self, item: Item) -> bytes:
        """Return the content of a file of the archive."""
        size = self._places[item.name].size
        check_picture(size)
        data = self._begin(item.name, size)
        if len(data) < size:
            raise DataError("truncated")
        return data

    def close(self) -> None:
        """Close the archive, and forget what was unpacked."""
        self._source.close()

    def _begin(self, name: str, most: int) -> bytes:
        place = self._places[name]
        return os.pread(self._source.fileno(), min(place.size, most), place.offset)


def is_tar(path: Path) -> bool:
    """Whether a file begins as a tar does, packed or not, whatever it is called."""
    try:
        with _packed(path) or path.open("rb") as file:
            tarfile.TarInfo.frombuf(bytes(read_up_to(file, tarfile.BLOCKSIZE)), "utf-8", "surrogateescape")
    except (*_DAMAGED, OSError):
        return False
    return True


class _Plain:
    """A tar that lies there as it is."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        status = path.stat()
        self._size = status.st_size
        self._time = status.st_mtime_ns

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def skip(self, size: int) -> None:
        if self._file.tell() + size > self._size:
            raise EOFError("it ends too early")
        self._file.seek(size, os.SEEK_CUR)

    def keep(self, size: int) -> Place:
        place = Place(self._file.tell(), size, f"{self._file.tell()} {size} {self._time}")
        self.skip(size)
        return place

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()


class _Packed:
    """A tar that has to be unpacked from its begin."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._file = file
        self._left = FREE_BYTES + MOST_RATIO * path.stat().st_size
        self._kept = Scratch()

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ValueError(f"it unpacks to more than {MOST_RATIO} times its size")
        return bytes(read_up_to(self._file, size))

    def skip(self, size: int) -> None:
        for _ in self._pieces(size):
            pass

    def keep(self, size: int) -> Place:
        if self._kept.size + size > MOST_KEPT_BYTES:
            raise ValueError(f"it holds more than {MOST_KEPT_BYTES // 2**30} GiB; unpack it, and give the folder")
        offset, checksum = self._kept.size, 0
        for piece in self._pieces(size):
            self._kept.append(piece)
            checksum = zlib.crc32(piece, checksum)
        return Place(offset, size, f"{checksum:08x} {size}")

    def fileno(self) -> int:
        return self._kept.fileno()

    def close(self) -> None:
        self._file.close()
        self._kept.close()

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = self.read(min(size, PIECE_BYTES))
            if not piece:
                raise EOFError("it ends too early")
            size -= len(piece)
            yield piece


class _Xz(io.RawIOBase):
    """An xz archive that is not given any memory that it asks for, as `lzma.open` would."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._unpacker = lzma.LZMADecompressor(memlimit=MOST_MEMORY_BYTES)

    def read(self, size: int = -1, /) -> bytes:
        while size and not self._unpacker.eof:
            packed = self._file.read(PIECE_BYTES) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not packed:
                raise EOFError("it ends too early")
            if data := self._unpacker.decompress(packed, size):
                return data
        return b""

    def close(self) -> None:
        self._file.close()
        super().close()


def _packed(path: Path) -> IO[bytes] | None:
    """Open a file that is packed by gzip, bzip2 or xz; None: it is not."""
    with path.open("rb") as file:
        begin = file.read(6)
    if begin.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path))
    if begin.startswith(b"BZh"):
        return cast(IO[bytes], bz2.open(path))
    return cast(IO[bytes], _Xz(path)) if begin == b"\xfd7zXZ\0" else None


def _sorted_out(source: _Source, names: Names) -> dict[str, Place]:
    """Go through a tar, and keep what is called as pictures and descriptions are."""
    kept: dict[str, Place] = {}
    for number, entry in enumerate(entries(source)):
        if number >= MOST_FILES:
            raise ValueError(f"it holds more than {MOST_FILES:,} files")
        name = names.kept(entry.name) if entry.kind != "folder" else None
        if name is not None and entry.kind == "file":
            names.ignored["repeated names"] += name in kept
            kept[name] = source.keep(entry.size)
            source.skip(padding(entry.size))
        else:
            names.ignored[f"{entry.kind}s"] += name is not None
            source.skip(entry.size + padding(entry.size))
    return kept


@contextmanager
def _errors_told(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        reason = printable(str(error) or type(error).__name__)[:120]
        raise DataError(f"{path} is truncated, damaged or no tar of pictures ({reason}); fetch it again.") from error

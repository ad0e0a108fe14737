"""Streams that never take more memory or time than what they hold is allowed: a few bytes may unpack to terabytes."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from pbt_gan.errors import DataError

PIECE_BYTES = 2**20
"""Read at a time. A header can announce any length; memory is taken for what is really there."""

_GZIP = b"\x1f\x8b"


def is_gzip(path: Path) -> bool:
    """Whether a file is gzipped, by its first bytes; its name says nothing."""
    with path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, gzipped or not.

    Raises:
        DataError: the stream that was read is damaged or ends too early.
    """
    with cast(IO[Any], gzip.open(path)) if is_gzip(path) else path.open("rb") as file:
        try:
            yield file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path} is truncated or damaged ({error}); fetch it again.") from error


def read_up_to(file: IO[bytes], size: int) -> bytearray:
    """Return the next `size` bytes, or what there is of them."""
    data = bytearray()
    while piece := file.read(min(size - len(data), PIECE_BYTES)):
        data += piece
    return data


class Bounded:
    """A stream that ends with an error when too much was read of it.

    Args:
        path: what messages call it.
        file: the stream.
        most: bytes.
    """

    def __init__(self, path: Path, file: IO[bytes], most: int) -> None:
        self._path = path
        self._file = file
        self._left = most

    def read(self, size: int) -> bytes:
        """Return the next bytes, or what there is of them.

        Raises:
            DataError: these are too many.
        """
        return bytes(read_up_to(self._file, self._taken(size)))

    def skip(self, size: int) -> None:
        """Go on by so many bytes, keeping none of them.

        Raises:
            DataError: these are too many.
        """
        size = self._taken(size)
        while piece := self._file.read(min(size, PIECE_BYTES)):
            size -= len(piece)

    def _taken(self, size: int) -> int:
        if not 0 <= size <= self._left:
            raise DataError(f"{self._path} unpacks to more than any data set of its kind; fetch it again.")
        self._left -= size
        return size

"""Where the pixels of images go while there are more and more of them: to a file, or to memory."""

import math
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pbt_gan.files import Appender
from pbt_gan.gan.data.dataset import check_size


class Pixels(Protocol):
    """Images of one size, one behind the other."""

    def add(self, images: NDArray[np.uint8]) -> None:
        """Take some more.

        Raises:
            StorageError: the disk refused.
            DataError: they are too many for memory.
        """

    def array(self, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """Return them all, uint8[N, *shape]; nothing is added afterwards."""


Store = Callable[[str], Pixels]
"""Begins a sequence of images under a name: `images`, or `unseen`."""


class PixelsInFile:
    """Pixels in a file that is mapped into memory when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = Appender(path)

    def add(self, images: NDArray[np.uint8]) -> None:
        """Write them behind the others."""
        self._file.append(images.tobytes())

    def array(self, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """Close the file and map it."""
        self._file.close()
        return mapped(self._path, (self._file.size // math.prod(shape), *shape))


class PixelsInMemory:
    """Pixels in memory, where no file can be written."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bytes = bytearray()

    def add(self, images: NDArray[np.uint8]) -> None:
        """Copy them behind the others."""
        check_size(self._name, len(self._bytes) + images.nbytes)
        self._bytes += images.tobytes()

    def array(self, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """Return them where they lie."""
        return np.frombuffer(self._bytes, np.uint8).reshape(-1, *shape)


def mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Map a file of pixels into memory; what is read of it can be let go again, so it may be larger than memory.

    The array can be written to, as torch wants it, but nobody does.

    Raises:
        OSError, ValueError: it is not there, or holds something else.
    """
    if path.stat().st_size != math.prod(shape):
        raise ValueError(f"{path} has not the size of {list(shape)}")
    if 0 in shape:
        return np.empty(shape, np.uint8)
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # what is written stays in this process
    except OSError:
        # Linux refuses that for more than memory and swap together: all of it might be written to, and need a place.
        with path.open("r+b") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE)
    return np.frombuffer(content, np.uint8).reshape(shape)


def map_of(images: NDArray[np.uint8]) -> mmap.mmap | None:
    """Return the map in which images lie from its begin to its end; None: they lie elsewhere."""
    owner: object = images
    while isinstance(owner, np.ndarray):
        owner = owner.base
    owner = owner.obj if isinstance(owner, memoryview) else owner
    return owner if isinstance(owner, mmap.mmap) and len(owner) == images.nbytes else None

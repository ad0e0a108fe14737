"""Where training gets its real images from."""

import mmap
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbt_gan.gan.data.pixels import map_of
from pbt_gan.gan.data.sending import sent

MOST_RESIDENT_BYTES = 4 * 2**30
"""Of images that are copied onto a GPU as a whole; of more than these, each batch is sent there."""


class ImageSource(Protocol):
    """Images by their numbers, wherever they lie."""

    @property
    def device(self) -> str:
        """Where it wants to be told the numbers: on "cpu" if they lead to a file, or nobody could read them in time."""

    def __len__(self) -> int:
        """Return how many images there are."""

    def expect(self, indices: Tensor) -> None:
        """Hear which images will be taken soon, so that nobody has to wait for them then; any shape."""

    def take(self, indices: Tensor) -> Tensor:
        """Return images [..., C, H, W] in [-1, 1] where members train; `indices`: int64[...], each in 0 … len - 1."""


def source_of(images: NDArray[np.uint8], device: str, dtype: torch.dtype) -> ImageSource:
    """Return where members on a device get images from: copied onto a GPU, or where they lie already.

    Args:
        images: uint8[N, H, W, C], in memory or mapped.
        device: where members train.
        dtype: of what is returned.
    """
    resident = device != "cpu" and images.nbytes <= MOST_RESIDENT_BYTES
    return ImagesInMemory(images, device, dtype) if resident else ImagesWhereTheyLie(images, device, dtype)


class ImagesInMemory:
    """Images that are copied onto the device, a byte a value.

    Args:
        images: uint8[N, H, W, C].
        device: where they lie, and where members train.
        dtype: of what is returned.
    """

    def __init__(self, images: NDArray[np.uint8], device: str, dtype: torch.dtype) -> None:
        self.device = device
        self._dtype = dtype
        self._images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._images)

    def expect(self, indices: Tensor) -> None:
        """Do nothing: they are there."""

    def take(self, indices: Tensor) -> Tensor:
        """Return images, see `ImageSource.take`."""
        return scaled(self._images[indices], self._dtype)


class ImagesWhereTheyLie:
    """Images of which only those are touched that are wanted, so that they may be mapped and larger than memory.

    Args:
        images: uint8[N, H, W, C], in memory or mapped; no copy of all is made.
        device: where members train.
        dtype: of what is returned.
    """

    device = "cpu"  # of the numbers: they lead to this process's memory

    def __init__(self, images: NDArray[np.uint8], device: str, dtype: torch.dtype) -> None:
        self._to = device
        self._dtype = dtype
        self._shape = images.shape[1:]
        self._rows = torch.from_numpy(images.reshape(len(images), -1))
        self._map = map_of(images)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._rows)

    def expect(self, indices: Tensor) -> None:
        """Let the system begin to read them from the disk, where they are not in memory. It does that by itself."""
        if self._map is None:
            return
        length = self._rows.shape[1]
        for index in indices.flatten().tolist():
            begin = index * length // mmap.PAGESIZE * mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, begin, (index + 1) * length - begin)

    def take(self, indices: Tensor) -> Tensor:
        """Return images, see `ImageSource.take`."""
        rows = sent(self._rows.index_select(0, indices.flatten()), self._to)
        # In the order of images in memory: another one would be another order of sums, and other bits.
        images = rows.view(-1, *self._shape).permute(0, 3, 1, 2).contiguous()
        return scaled(images.view(*indices.shape, *images.shape[1:]), self._dtype)


def scaled(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return uint8 images with 0 … 255 as -1 … 1."""
    return images.to(dtype) / 127.5 - 1

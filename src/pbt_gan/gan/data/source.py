"""Where training gets its real images from."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class ImageSource(Protocol):
    """Images by their numbers, wherever they lie."""

    @property
    def device(self) -> str:
        """Where it wants to be told the numbers: on "cpu" if they lead to a file, or nobody could read them in time."""

    def __len__(self) -> int:
        """Return how many images there are."""

    def take(self, indices: Tensor) -> Tensor:
        """Return images [..., C, H, W] in [-1, 1] where members train; `indices`: int64[...], each in 0 … len - 1."""


class ImagesInMemory:
    """Images that lie on the device as they were read, a byte a value.

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

    def take(self, indices: Tensor) -> Tensor:
        """Return images, see `ImageSource.take`."""
        return scaled(self._images[indices], self._dtype)


def scaled(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return uint8 images with 0 … 255 as -1 … 1."""
    return images.to(dtype) / 127.5 - 1

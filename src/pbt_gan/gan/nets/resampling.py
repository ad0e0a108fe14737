"""Finer and coarser images within a net, in any layout: height and width are the axes 2 and 3."""

from torch import Tensor
from torch.nn import functional as F


def pool(x: Tensor) -> Tensor:
    """Return the means of squares of 2 × 2 pixels."""
    one, other, height, width, *rest = x.shape
    return x.reshape(one, other, height // 2, 2, width // 2, 2, *rest).mean((3, 5))


def grow(x: Tensor) -> Tensor:
    """Return each pixel as a square of 2 × 2."""
    one, other, height, width, *rest = x.shape
    squares = x.view(one, other, height, 1, width, 1, *rest).expand(one, other, height, 2, width, 2, *rest)
    return squares.reshape(one, other, 2 * height, 2 * width, *rest)


def blur(x: Tensor) -> Tensor:
    """Return means of 3 × 3 pixels, weighed [1, 2, 1] along each side; beyond the edges there is 0.

    Images that grow and then are blurred are interpolated by [1, 3, 3, 1], and so they are if blurred and then pooled.
    """
    for axis in (2, 3):
        size = x.shape[axis]
        wide = F.pad(x, [0, 0] * (x.ndim - 1 - axis) + [1, 1])
        x = x / 2 + (wide.narrow(axis, 0, size) + wide.narrow(axis, 2, size)) / 4
    return x

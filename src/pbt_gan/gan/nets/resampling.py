"""Finer and coarser images within a net, in any layout: height and width are the axes 2 and 3."""

from torch import Tensor


def pool(x: Tensor) -> Tensor:
    """Return the means of squares of 2 × 2 pixels."""
    one, other, height, width, *rest = x.shape
    return x.reshape(one, other, height // 2, 2, width // 2, 2, *rest).mean((3, 5))


def grow(x: Tensor) -> Tensor:
    """Return each pixel as a square of 2 × 2."""
    one, other, height, width, *rest = x.shape
    squares = x.view(one, other, height, 1, width, 1, *rest).expand(one, other, height, 2, width, 2, *rest)
    return squares.reshape(one, other, 2 * height, 2 * width, *rest)

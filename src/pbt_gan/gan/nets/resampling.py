"""Finer and coarser images within a net, in any layout: height and width are the axes 2 and 3."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.nets.grouped import Window, convolve, slopes_of_slopes


def pool(x: Tensor) -> Tensor:
    """Return the means of squares of 2 × 2 pixels."""
    one, other, height, width, *rest = x.shape
    # One side after the other: a mean over both at once takes a CPU three times as long.
    upper, lower = x.reshape(one, other, height // 2, 2, width, *rest).unbind(3)
    left, right = (upper + lower).reshape(one, other, height // 2, width // 2, 2, *rest).unbind(4)
    return (left + right) / 4


def grow(x: Tensor) -> Tensor:
    """Return each pixel as a square of 2 × 2."""
    one, other, height, width, *rest = x.shape
    squares = x.view(one, other, height, 1, width, 1, *rest).expand(one, other, height, 2, width, 2, *rest)
    return squares.reshape(one, other, 2 * height, 2 * width, *rest)


def blur(x: Tensor) -> Tensor:
    """Return means of 3 × 3 pixels, weighed [1, 2, 1] along each side; beyond the edges there is 0.

    Images that grow and then are blurred are interpolated by [1, 3, 3, 1], and so they are if blurred and then pooled.
    """
    weights = 2 - torch.arange(-1, 2, dtype=x.dtype, device=x.device).abs()
    kernel = torch.outer(weights, weights) / 16
    # Each channel by itself; an axis more, of the samples, is one along which nothing is blurred.
    if x.ndim == 4 and slopes_of_slopes():
        return convolve(x, kernel.expand(x.shape[1], 1, 3, 3), Window(groups=x.shape[1], kernel=3, stride=1))
    if x.ndim == 4:
        return F.conv2d(x, kernel.expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])
    return F.conv3d(x, kernel[..., None].expand(x.shape[1], 1, 3, 3, 1), padding=(1, 1, 0), groups=x.shape[1])

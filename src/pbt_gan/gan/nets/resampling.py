"""Finer and coarser images within a net, in any layout: height and width are the axes 2 and 3."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.nets.grouped import Window, convolve, slopes_of_slopes


def pool(x: Tensor) -> Tensor:
    """Return the means of squares of 2 × 2 pixels."""
    return _pooled(x.permute(0, 2, 3, 1), 1).permute(0, 3, 1, 2) if _channels_last(x) else _pooled(x, 2)


def grow(x: Tensor) -> Tensor:
    """Return each pixel as a square of 2 × 2."""
    return _grown(x.permute(0, 2, 3, 1), 1).permute(0, 3, 1, 2) if _channels_last(x) else _grown(x, 2)


def _channels_last(x: Tensor) -> bool:
    """Whether the channels of a pixel may lie side by side: then so do those of what comes of it, and of its gradient.

    What is computed of two tensors that lie in different orders takes a CPU ten times as long.
    """
    return x.ndim == 4 and not x.is_contiguous()


def _pooled(x: Tensor, axis: int) -> Tensor:
    """Pool along an axis and the next."""
    before, (height, width), rest = x.shape[:axis], x.shape[axis : axis + 2], x.shape[axis + 2 :]
    # One side after the other: a mean over both at once takes a CPU three times as long.
    upper, lower = x.reshape(*before, height // 2, 2, width, *rest).unbind(axis + 1)
    left, right = (upper + lower).reshape(*before, height // 2, width // 2, 2, *rest).unbind(axis + 2)
    return (left + right) / 4


def _grown(x: Tensor, axis: int) -> Tensor:
    """Grow along an axis and the next."""
    before, (height, width), rest = x.shape[:axis], x.shape[axis : axis + 2], x.shape[axis + 2 :]
    squares = x.reshape(*before, height, 1, width, 1, *rest).expand(*before, height, 2, width, 2, *rest)
    return squares.reshape(*before, 2 * height, 2 * width, *rest)


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

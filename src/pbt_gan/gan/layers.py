"""The layers, as functions of tensors. Each says in which dtype it computes."""

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-5
"""Added to a variance under the root."""


def dense(x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
    """Return x·Wᵀ + b, multiplied in `compute` and handed back in the dtype of `x`."""
    return F.linear(x.to(compute), weight.to(compute), _to(bias, compute)).to(x.dtype)


def keep(x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
    """Convolve at the same height and width, in `compute`; `weight`: [C_out, C_in, k, k], k odd."""
    padding = weight.shape[-1] // 2
    return F.conv2d(x.to(compute), weight.to(compute), _to(bias, compute), padding=padding).to(x.dtype)


def halve(x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
    """Convolve to half the height and width, in `compute`; `weight`: [C_out, C_in, k, k]."""
    padding = (weight.shape[-1] - 1) // 2
    return F.conv2d(x.to(compute), weight.to(compute), _to(bias, compute), stride=2, padding=padding).to(x.dtype)


def double(x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
    """Convolve, transposed, to twice the height and width, in `compute`; `weight`: [C_in, C_out, k, k]."""
    kernel = weight.shape[-1]
    return F.conv_transpose2d(
        x.to(compute),
        weight.to(compute),
        _to(bias, compute),
        stride=2,
        padding=(kernel - 1) // 2,
        output_padding=kernel % 2,
    ).to(x.dtype)


def batch_norm(x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise over all axes but the second, with the statistics of `x`; return it with mean and biased variance.

    Nothing is changed in place, so that it can be differentiated and stacked like any function.
    """
    normal, mean, inverse_deviation = torch.native_batch_norm(x, scale, shift, None, None, True, 0.0, EPSILON)
    return normal, mean, inverse_deviation.pow(-2) - EPSILON


def normalize(x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Do the same with statistics that are given."""
    return F.batch_norm(x, mean, variance, scale, shift, eps=EPSILON)


def _to(bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if bias is None else bias.to(dtype)

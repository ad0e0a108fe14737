"""The layers of a group of P members, as functions of tensors. Each says in which dtype it computes.

Images within the nets are [B, P·C, H, W]: the channels of all members lie side by side, and a convolution has a group
of channels for each. For one member that is the plain convolution. On a CPU, the bits of grouped convolutions depend on
the number of groups.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-5
"""Added to a variance under the root."""


def dense(x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
    """Return x·Wᵀ + b [P, B, F'], multiplied in `compute`; `x`: [P, B, F], `weight`: [P, F', F], `bias`: [P, F']."""
    product = torch.bmm(x.to(compute), weight.to(compute).mT).to(x.dtype)
    return product if bias is None else product + bias[:, None]


def weigh(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return one number for each sample [P, B], of x [P, B, F], weight [P, 1, F] and bias [P, 1].

    A product and a sum: the bits of batched products of a matrix and a vector depend on the number of members.
    """
    return (x * weight).sum(-1) + bias


def keep(x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
    """Convolve at the same height and width, in `compute`; `weight`: [P, C_out, C_in, k, k], k odd."""
    return _convolve(x, weight, bias, compute, stride=1, padding=weight.shape[-1] // 2)


def halve(x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
    """Convolve to half the height and width, in `compute`; `weight`: [P, C_out, C_in, k, k]."""
    return _convolve(x, weight, bias, compute, stride=2, padding=(weight.shape[-1] - 1) // 2)


def double(x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
    """Convolve, transposed, to twice the height and width, in `compute`; `weight`: [P, C_in, C_out, k, k]."""
    kernel = weight.shape[-1]
    return F.conv_transpose2d(
        x.to(compute),
        weight.flatten(0, 1).to(compute),
        _side_by_side(bias, compute),
        stride=2,
        padding=(kernel - 1) // 2,
        output_padding=kernel % 2,
        groups=len(weight),
    ).to(x.dtype)


def batch_norm(x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise over all axes but the second, with the statistics of `x`; return it with mean and biased variance.

    Nothing is changed in place, so that it can be differentiated and stacked like any function.

    `x` is [B, P·C, …]; scale, shift and the statistics are [P, C].
    """
    normal, mean, inverse_deviation = torch.native_batch_norm(
        x, scale.flatten(), shift.flatten(), None, None, True, 0.0, EPSILON
    )
    return normal, mean.view(scale.shape), (inverse_deviation.pow(-2) - EPSILON).view(scale.shape)


def normalize(x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Do the same with statistics that are given."""
    return F.batch_norm(x, mean.flatten(), variance.flatten(), scale.flatten(), shift.flatten(), eps=EPSILON)


def _convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, compute: torch.dtype, *, stride: int, padding: int
) -> Tensor:
    kernels = weight.flatten(0, 1).to(compute)
    biases = _side_by_side(bias, compute)
    return F.conv2d(x.to(compute), kernels, biases, stride, padding, groups=len(weight)).to(x.dtype)


def _side_by_side(bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if bias is None else bias.flatten().to(dtype)

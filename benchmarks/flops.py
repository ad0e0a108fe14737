"""The FLOPs that a step cannot do without: products and convolutions, without those on a convolution's padding.

torch counts padding as if it were pixels. On 8×8 images that is half of all, and a good kernel skips it.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from benchmarks.plain import Member

Shape = Sequence[int]


def step_flops(member: Member) -> float:
    """Return the FLOPs of a step of a member made of plain modules."""
    aten = torch.ops.aten
    with FlopCounterMode(
        display=False,
        custom_mapping={aten.convolution: convolution_flops, aten.convolution_backward: backward_flops},
    ) as counter:
        member.step()
    return float(counter.get_total_flops())


def convolution_flops(
    x: Shape, weight: Shape, bias: Any, stride: Shape, padding: Shape, dilation: Shape, transposed: bool, *_: Any,
    out_shape: Shape, **__: Any,
) -> int:  # fmt: skip
    """Return the FLOPs of a convolution; the arguments are those of torch's, shapes for tensors."""
    coarse, fine = (x, out_shape) if transposed else (out_shape, x)
    flops = conv_flop_count(list(x), list(weight), list(out_shape), transposed=transposed)
    return round(flops * inside(coarse, fine, weight, stride, padding))


def backward_flops(
    gradient: Shape, x: Shape, weight: Shape, bias: Any, stride: Shape, padding: Shape, dilation: Shape,
    transposed: bool, output_padding: Shape, groups: int, wanted: Sequence[bool], **_: Any,
) -> int:  # fmt: skip
    """Return the FLOPs of its gradients: as many for the image and for the weight, where they are wanted."""
    once = convolution_flops(x, weight, bias, stride, padding, dilation, transposed, out_shape=gradient)
    return once * sum(wanted[:2])


def inside(coarse: Shape, fine: Shape, weight: Shape, stride: Shape, padding: Shape) -> float:
    """Return which share of the kernel's places, over all pixels of the coarser image, lies inside of the finer one."""
    shares = []
    for pixels, side, kernel, step, pad in zip(coarse[2:], fine[2:], weight[2:], stride, padding, strict=True):
        places = [pixel * step - pad + place for pixel in range(pixels) for place in range(kernel)]
        shares.append(sum(0 <= place < side for place in places) / len(places))
    return math.prod(shares)

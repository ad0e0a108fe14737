"""The FLOPs that a step cannot do without: products and convolutions, without those on a convolution's padding.

torch counts padding as if it were pixels; a good kernel skips it, and on 8×8 images it is nearly a quarter of all.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import conv_flop_count, flop_registry

from benchmarks.plain import Member


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the FLOPs of all that is computed while it is entered.

    torch's own `FlopCounterMode` also attributes them to modules, for which it cannot differentiate a gradient.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute, and count."""
        out = func(*args, **(kwargs or {}))
        if count := FLOPS.get(func.overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def step_flops(member: Member) -> float:
    """Return the FLOPs of a step of a member made of plain modules."""
    with FlopCounter() as counter:  # type: ignore[no-untyped-call]
        member.step()
    return float(counter.total)


def convolution_flops(
    x: Tensor, weight: Tensor, bias: Any, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int],
    transposed: bool, *_: Any, out_val: Tensor,
) -> int:  # fmt: skip
    """Return the FLOPs of a convolution; the arguments are those of torch's."""
    coarse, fine = (x, out_val) if transposed else (out_val, x)
    flops = conv_flop_count(list(x.shape), list(weight.shape), list(out_val.shape), transposed=transposed)
    shares: list[float] = []
    axes = zip(coarse.shape[2:], fine.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    for pixels, side, kernel, step, pad, gap in axes:
        places = [pixel * step - pad + place * gap for pixel in range(pixels) for place in range(kernel)]
        shares.append(sum(0 <= place < side for place in places) / len(places))
    return round(flops * math.prod(shares))


def backward_flops(
    gradient: Tensor, x: Tensor, weight: Tensor, bias: Any, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], transposed: bool, output_padding: Any, groups: int, wanted: Sequence[bool],
    out_val: Any,
) -> int:  # fmt: skip
    """Return the FLOPs of its gradients: as many for the image and for the weight, where they are wanted."""
    once = convolution_flops(x, weight, bias, stride, padding, dilation, transposed, out_val=gradient)
    return once * sum(wanted[:2])


FLOPS: Mapping[Any, Callable[..., Any]] = {
    **flop_registry,
    torch.ops.aten.convolution: convolution_flops,
    torch.ops.aten.convolution_backward: backward_flops,
}
"""By operation; all but those of convolutions are torch's."""

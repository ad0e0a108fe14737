"""Kernels in Triton; imported only where a GPU needs them, or by whoever interprets them."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from pbt_gan.gan.training.optim import EPSILON

_NUMBERS = 1024
"""Of a row, that one program moves."""


def adam_(
    params: Tensor,
    gradients: Tensor,
    mean: Tensor,
    square: Tensor,
    mean_filled: Tensor,
    square_filled: Tensor,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
) -> None:
    """Take a step with float32 tensors [P, N] and settings float64[P, 1], see `pbt_gan.gan.training.optim.adam_`.

    Each operation rounds as it does there; whether a product and a sum are rounded once or twice is up to the compiler,
    as it is in torch's own kernels. So results agree to a few units in the last place.
    """
    rows, columns = lr.numel(), params.shape[-1]
    settings = torch.empty(rows, 4, dtype=torch.float32, device=params.device)
    own = [column.contiguous() for column in (lr, beta1, beta2)]
    _settle[(rows,)](mean_filled, square_filled, *own, settings)
    grid = (triton.cdiv(columns, _NUMBERS), rows)
    _move[grid](params, gradients.contiguous(), mean, square, settings, columns, EPSILON, _NUMBERS)


@triton.jit
def _settle(mean_filled, square_filled, lr, beta1, beta2, settings):  # type: ignore[no-untyped-def]
    """Fill the moments of one member further, and leave in float32: its rate, both shares, the root of a filling."""
    row = tl.program_id(0)
    share1 = 1 - tl.load(beta1 + row)
    share2 = 1 - tl.load(beta2 + row)
    filled1 = tl.load(mean_filled + row)
    filled2 = tl.load(square_filled + row)
    filled1 += share1 * (1 - filled1)
    filled2 += share2 * (1 - filled2)
    tl.store(mean_filled + row, filled1)
    tl.store(square_filled + row, filled2)
    own = settings + row * 4
    tl.store(own, (tl.load(lr + row) / filled1).to(tl.float32))
    tl.store(own + 1, share1.to(tl.float32))
    tl.store(own + 2, share2.to(tl.float32))
    tl.store(own + 3, tl.sqrt(filled2).to(tl.float32))


@triton.jit  # type: ignore[untyped-decorator]
def _move(  # type: ignore[no-untyped-def]
    params, gradients, mean, square, settings, columns, epsilon, numbers: tl.constexpr
):
    """Move some of the parameters of one member."""
    row = tl.program_id(1).to(tl.int64)  # of many members there are more numbers than 32 bits can count
    column = tl.program_id(0) * numbers + tl.arange(0, numbers)
    there = column < columns
    place = row * columns + column
    rate = tl.load(settings + row * 4)
    filled = tl.load(settings + row * 4 + 3)
    gradient = tl.load(gradients + place, mask=there)
    m = _lerp(tl.load(mean + place, mask=there), gradient, tl.load(settings + row * 4 + 1))
    v = _lerp(tl.load(square + place, mask=there), gradient * gradient, tl.load(settings + row * 4 + 2))
    part = tl.load(params + place, mask=there)
    part -= tl.div_rn(rate * m, tl.div_rn(tl.sqrt_rn(v), filled) + epsilon)
    tl.store(mean + place, m, mask=there)
    tl.store(square + place, v, mask=there)
    tl.store(params + place, part, mask=there)


@triton.jit
def _lerp(start, end, weight):  # type: ignore[no-untyped-def]
    """Do as `torch.lerp`, which begins at whichever end is nearer."""
    return tl.where(weight < 0.5, start + weight * (end - start), end - (end - start) * (1 - weight))

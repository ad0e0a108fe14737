"""Kernels in Triton; imported only where a GPU needs them, or by whoever interprets them."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from pbt_gan.gan.training.optim import EPSILON

_NUMBERS = 1024
"""That one program moves, at most; in a row there are as many, so they are of two members at most."""


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
    rows, columns, total = lr.numel(), params.shape[-1], params.numel()
    numbers = min(_NUMBERS, 1 << (columns.bit_length() - 1))
    settings = torch.empty(rows + 1, 4, dtype=torch.float32, device=params.device)  # the last member has a next one too
    own = [column.contiguous() for column in (lr, beta1, beta2)]
    _settle[(rows,)](mean_filled, square_filled, *own, settings)
    grid = (triton.cdiv(total, numbers),)
    _move[grid](params, gradients.contiguous(), mean, square, settings, columns, total, EPSILON, numbers)


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
    params, gradients, mean, square, settings, columns, total, epsilon, numbers: tl.constexpr
):
    """Move some parameters.

    They begin where memory is aligned, wherever the row of a member does: only then are 16 bytes read at a time. A mask
    would forbid that too, so only the last ones of all have one.
    """
    first = tl.program_id(0).to(tl.int64) * numbers  # of many members there are more than 32 bits can count
    row = first // columns
    place = first + tl.arange(0, numbers)
    own = settings + row * 4
    beyond = place >= (row + 1) * columns
    rate = tl.where(beyond, tl.load(own + 4), tl.load(own))
    share1 = tl.where(beyond, tl.load(own + 5), tl.load(own + 1))
    share2 = tl.where(beyond, tl.load(own + 6), tl.load(own + 2))
    filled = tl.where(beyond, tl.load(own + 7), tl.load(own + 3))
    if first + numbers <= total:
        _update(params + place, gradients + place, mean + place, square + place, rate, share1, share2, filled, epsilon)
    else:
        there = place < total
        _update(
            params + place,
            gradients + place,
            mean + place,
            square + place,
            rate,
            share1,
            share2,
            filled,
            epsilon,
            there,
        )


@triton.jit
def _update(params, gradients, mean, square, rate, share1, share2, filled, epsilon, there=None):  # type: ignore[no-untyped-def]
    """Read numbers, move them, and write them."""
    gradient = tl.load(gradients, there)
    m = _lerp(tl.load(mean, there), gradient, share1)
    v = _lerp(tl.load(square, there), gradient * gradient, share2)
    moved = tl.load(params, there) - tl.div_rn(rate * m, tl.div_rn(tl.sqrt_rn(v), filled) + epsilon)
    tl.store(mean, m, there)
    tl.store(square, v, there)
    tl.store(params, moved, there)


@triton.jit
def _lerp(start, end, weight):  # type: ignore[no-untyped-def]
    """Do as `torch.lerp`, which begins at whichever end is nearer."""
    return tl.where(weight < 0.5, start + weight * (end - start), end - (end - start) * (1 - weight))

"""Blocks of small images by kernels of our own: see `compiled.c`.

A convolution there needs no patches, and multiplies with nothing that is padding; norm and activation are done to a
channel while it is in the nearest cache; and a chain is one call forward and one back, whatever the group.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pbt_gan.gan.nets.batch_last import EPSILON
from pbt_gan.gan.nets.blocks import Block
from pbt_gan.gan.nets.chains import PARTS, Chain, differentiable
from pbt_gan.gan.nets.compiler import library

LANES = 16
"""Samples in a vector: a batch is a multiple of them."""

_ACTIVATIONS = {"none": 0, "relu": 1, "leaky": 2}

_NUMBERS = ("transposed", "ins", "outs", "in_side", "out_side", "kernel", "stride", "normed", "activation")
_PITCHES = ("weight_pitch", "bias_pitch", "scale_pitch", "shift_pitch")
_TENSORS = ("weight", "bias", "scale", "shift", "kept", "mean", "inverse")
_SLOPES = ("d_weight", "d_bias", "d_scale", "d_shift")


class _Block(ctypes.Structure):
    """As `compiled.c` has it, field by field."""

    _fields_ = (
        *((name, ctypes.c_long) for name in (*_NUMBERS, *_PITCHES)),
        *((name, ctypes.c_void_p) for name in (*_TENSORS, *_SLOPES)),
    )


def compiles(blocks: Sequence[Block], compute: torch.dtype, x: Tensor) -> bool:
    """Return whether an x [S·P, C, H, W, B] can go through these blocks by the kernels."""
    fits = compute == x.dtype == torch.float32 and x.device.type == "cpu" and x.shape[-1] % LANES == 0
    return fits and all(block.activation in _ACTIVATIONS for block in blocks) and library() is not None


class Compiled(torch.autograd.Function):
    """A chain by kernels of our own."""

    @staticmethod
    def forward(ctx: Any, chain: Chain, x: Tensor, *parts: Tensor | None) -> Any:
        """Return what blocks make of an x, and the statistics of their norms where these are wanted."""
        rows, back = x.contiguous(), any(ctx.needs_input_grad)
        tapes = _tapes(chain.blocks, rows, [None if part is None else _dense(part) for part in parts])
        kept = tapes[-1].tensors["kept"]
        assert kept is not None
        # Without a norm what is made is what is kept; with one it has a place of its own.
        made = torch.empty_like(kept) if tapes[-1].tensors["scale"] is not None else kept
        _call("chain_forward", tapes, rows, (), made.data_ptr())
        results = [made]
        if chain.statistics:
            for tape in tapes:
                mean, inverse = tape.tensors["mean"], tape.tensors["inverse"]
                if mean is not None and inverse is not None:
                    # A norm tells 1 / √(variance + ε); to solve for the variance is cheaper than to sum it up again.
                    results += [mean, inverse.square().reciprocal_().sub_(EPSILON)]
            ctx.mark_non_differentiable(*results[1:])
        if back:
            tapes[-1].tensors["kept"] = None  # what is returned holds this context, and is not to be held by it
            ctx.chain, ctx.tapes = chain, tapes
            ctx.save_for_backward(x, *parts, rows, kept)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> Any:
        """Return the gradients at the x and at the parts that have any."""
        *given, x, kept = ctx.saved_tensors
        first, *others = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():
            return None, *differentiable(ctx.chain.slowly, given, [first, *others], gradient)
        slopes = [part.new_zeros(part.shape) if part is not None and any(others) else None for part in given[1:]]
        back, last = torch.empty_like(x) if first else None, ctx.tapes[-1].tensors
        gradient, last["kept"] = gradient.contiguous(), kept
        _call("chain_backward", ctx.tapes, x, slopes, gradient.data_ptr(), _place(back))
        last["kept"] = None
        return None, back, *slopes


class _Tape(NamedTuple):
    """A block, and what was made of it."""

    numbers: Sequence[int]  # by _NUMBERS, then by _PITCHES
    tensors: dict[str, Tensor | None]  # by _TENSORS


def _tapes(blocks: Sequence[Block], x: Tensor, parts: Sequence[Tensor | None]) -> list[_Tape]:
    """Return the blocks with room for what is to be kept of them."""
    tapes, (batches, _, side, _, batch) = [], x.shape
    for n, block in enumerate(blocks):
        own = parts[PARTS * n : PARTS * (n + 1)]
        weight, _, scale, _ = own
        assert weight is not None
        coarse, fine, kernel = (*weight.shape[1:], 1)[:3]
        transposed = block.kind == "double"
        ins, outs = (coarse, fine) if transposed else (fine, coarse)
        stride = 2 if block.kind in ("double", "halve") else 1
        to = side * stride if transposed else side // stride
        numbers = [transposed, ins, outs, side, to, kernel, stride, scale is not None, _ACTIVATIONS[block.activation]]
        numbers += [0 if part is None else part.stride(0) for part in own]
        side = block.side or to
        kept = x.new_empty(batches, outs * to**2 // side**2, side, side, batch)
        mean, inverse = (None, None) if scale is None else x.new_empty(2, batches, outs).unbind()
        tapes.append(_Tape(numbers, dict(zip(_TENSORS, (*own, kept, mean, inverse), strict=True))))
    return tapes


def _call(
    name: str, tapes: Sequence[_Tape], x: Tensor, slopes: Sequence[Tensor | None] = (), *places: int | None
) -> None:
    """Call a function of the library; `slopes`: where the gradients of all parameters go."""
    blocks = (_Block * len(tapes))()
    for n, (block, tape) in enumerate(zip(blocks, tapes, strict=True)):
        own = slopes[PARTS * n : PARTS * (n + 1)] or [None] * PARTS
        block.__init__(*tape.numbers, *map(_place, (*tape.tensors.values(), *own)))
    weight = tapes[0].tensors["weight"]
    kernels = library()
    assert weight is not None
    assert kernels is not None
    arguments = [ctypes.c_void_p(place) for place in (x.data_ptr(), *places)]
    counts = [ctypes.c_long(count) for count in (len(x), len(weight), x.shape[-1])]
    if kernels[name](blocks, ctypes.c_long(len(tapes)), *arguments, *counts):
        raise MemoryError("There is no memory for the weights of a group.")


def _dense(part: Tensor) -> Tensor:
    """Return a parameter of a group, each member's as one run of numbers; they may be apart."""
    return part if part[0].is_contiguous() else part.contiguous()


def _place(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()

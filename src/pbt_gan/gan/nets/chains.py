"""Blocks of small images, batch after batch through all of them, with the way back written out.

What one batch makes of a net fits into a core's cache, what a group makes does not. And a chain is one node for
autograd, where each of its blocks was three or four.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.nets.batch_last import EPSILON
from pbt_gan.gan.nets.blocks import SLOPE, Block
from pbt_gan.gan.nets.convolutions import Places, aligned, places_of

_LINE = 32
"""A member's row of weights is filled up to a multiple of so many numbers, so that the next begins at a cache line."""

PARTS = 4
"""Parameters of a block: weight, bias, scale and shift; None: it has none."""

LayerByLayer = Callable[..., Tensor]
"""What a chain does, of x and parameters, differentiable any number of times."""


@dataclass(frozen=True)
class Chain:
    """Blocks, and how they are computed."""

    blocks: tuple[Block, ...]
    compute: torch.dtype  # of products
    slowly: LayerByLayer
    statistics: bool  # whether mean and variance of the norms are wanted
    way: type[torch.autograd.Function]  # `BatchAfterBatch`, or by kernels: `compiled_chains.Compiled`

    def __call__(self, x: Tensor, parts: Sequence[Tensor | None]) -> tuple[Tensor, Sequence[Tensor]]:
        """Return what blocks make of an x [S·P, C, H, W, B], and mean and variance of each norm, [S·P, F]."""
        y, *statistics = self.way.apply(self, x, *parts)  # type: ignore[no-untyped-call]
        return y, statistics


class BatchAfterBatch(torch.autograd.Function):
    """A chain by operations of torch."""

    @staticmethod
    def forward(ctx: Any, chain: Chain, x: Tensor, *parts: Tensor | None) -> Any:
        """Return what blocks make of an x, and the statistics of their norms where these are wanted."""
        ways = _ways(chain.blocks, x.shape[2], *(part.shape[1:] for part in parts[::PARTS] if part is not None))
        layers = [
            _Layer(way, chain.compute, *parts[PARTS * number : PARTS * (number + 1)]) for number, way in enumerate(ways)
        ]
        batch, members = x.shape[-1], len(layers[0].kernels)
        tapes, made = [], []
        with torch.inference_mode():  # each operation takes a little less time
            for n, rows in enumerate(x.detach().reshape(len(x), -1, batch).unbind()):
                tape: list[Any] = []
                y = aligned(rows.to(chain.compute))
                for layer in layers:
                    y = layer.forward(y, n % members, tape)
                made.append(y)
                tapes.append(tape)
        side = ways[-1].side
        results = [torch.stack(made).view(len(x), -1, side, side, batch)]
        if chain.statistics:
            for block in zip(*tapes, strict=True):
                if block[0][2] is not None:
                    mean, inverse = (torch.cat([kept[part] for kept in block]) for part in (2, 3))
                    # A norm tells 1 / √(variance + ε); to solve for the variance is cheaper than to sum it up again.
                    results += [mean, inverse.pow_(-2).sub_(EPSILON)]
            ctx.mark_non_differentiable(*results[1:])
        if any(ctx.needs_input_grad):
            ctx.chain, ctx.layers, ctx.tapes = chain, layers, tapes
            ctx.save_for_backward(x, *parts)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> Any:
        """Return the gradients at the x and at the parts that have any."""
        if torch.is_grad_enabled():
            return None, *differentiable(ctx.chain.slowly, ctx.saved_tensors, ctx.needs_input_grad[1:], gradient)
        layers, members = ctx.layers, len(ctx.layers[0].kernels)
        first, weights = ctx.needs_input_grad[1], any(ctx.needs_input_grad[2:])
        slopes = []
        for layer in layers:
            layer.begin()
        gradient = gradient.reshape(len(gradient), -1, gradient.shape[-1])
        with torch.inference_mode():
            for n, tape in enumerate(ctx.tapes):
                g = gradient[n].to(ctx.chain.compute, copy=True, memory_format=torch.contiguous_format)
                for number in reversed(range(len(layers))):
                    g = layers[number].backward(g, n % members, tape[number], weights, number > 0 or first)
                slopes.append(g)
        x = torch.stack(slopes).view(ctx.saved_tensors[0].shape).to(ctx.saved_tensors[0].dtype) if first else None
        return None, x, *(part for layer in layers for part in layer.gradients(weights))


def differentiable(slowly: LayerByLayer, given: Sequence[Any], wanted: Sequence[bool], gradient: Tensor) -> list[Any]:
    """Return the gradients at what is wanted of the given, as functions of them."""
    y = slowly(*given)
    found = iter(
        torch.autograd.grad(
            y, [each for each, want in zip(given, wanted, strict=True) if want], gradient, create_graph=True
        )
    )
    return [next(found) if want else None for want in wanted]


@dataclass(frozen=True)
class _Way:
    """How a block is computed, whoever's weights it has."""

    block: Block
    places: Places
    down: bool  # from patches; else to them: they are on the side that has fewer channels
    flipped: bool  # the weights lie the other way round
    shape: tuple[int, ...]  # of the weights as a matrix: channels on the side without patches, rows of a patch
    channels: int  # made
    side: int  # made


@cache
def _ways(blocks: Sequence[Block], side: int, *shapes: torch.Size) -> list[_Way]:
    ways = []
    for block, shape in zip(blocks, shapes, strict=True):
        outs, ins, kernel = (*shape, 1)[:3]
        down = block.kind in ("dense", "halve") or (block.kind == "convolve" and outs >= ins)
        flipped = block.kind == "convolve" and not down
        coarse, fine = (ins, outs) if flipped else (outs, ins)
        stride = 1 if block.kind in ("dense", "convolve") else 2
        if block.kind == "double":
            side *= 2
        places = places_of(fine, side, kernel, stride, torch.device("cpu"))
        if block.kind == "halve":
            side //= 2
        side = block.side or side
        channels = coarse if down else fine
        ways.append(_Way(block, places, down, flipped, (coarse, fine * kernel**2), channels, side))
    return ways


class _Layer:
    """A block with its members' parameters."""

    def __init__(
        self,
        way: _Way,
        compute: torch.dtype,
        weight: Tensor | None,
        bias: Tensor | None,
        scale: Tensor | None,
        shift: Tensor | None,
    ) -> None:
        assert weight is not None
        self.way, self.shape = way, weight.shape
        self.compute, self.dtype, self.low = compute, weight.dtype, compute != weight.dtype
        matrix = weight.transpose(1, 2).flip(-2, -1) if way.flipped else weight
        size = way.shape[0] * way.shape[1]
        rows = F.pad(matrix.flatten(1).to(compute), (0, -size % _LINE))
        kernels = rows.as_strided((len(rows), *way.shape), (rows.stride(0), way.shape[1], 1))
        self.kernels, self.transposed = kernels.unbind(), kernels.mT.unbind()
        self.biases = None if bias is None else bias.to(compute).unsqueeze(2).unbind()
        self.scales = None if scale is None else scale.unbind()
        self.shifts = None if shift is None else shift.unbind()
        self.sums: dict[str, list[Tensor]] = {}

    def begin(self) -> None:
        """Forget what a way back has added up: there may be several."""
        self.sums = {"weight": [], "bias": [], "scale": [], "shift": []}

    def forward(self, x: Tensor, member: int, tape: list[Any]) -> Tensor:
        """Return rows of rows, and note what the way back needs."""
        way = self.way
        if way.down:
            y = torch.mm(self.kernels[member], way.places.patches.sums(x).view(way.shape[1], -1))
        else:
            patches = torch.mm(self.transposed[member], x.view(way.shape[0], -1))
            y = way.places.images.sums(patches.view(-1, x.shape[1])).view(way.channels, -1)
        if self.biases is not None:
            y.add_(self.biases[member])
        if self.scales is None or self.shifts is None:
            made, mean, inverse = y, None, None
        else:
            scale = self.scales[member]
            rows = scale.shape[0]
            made, mean, inverse = torch.native_group_norm(
                y, scale, self.shifts[member], 1, rows, y.numel() // rows, rows, EPSILON
            )
        if way.block.activation == "leaky":
            F.leaky_relu_(made, SLOPE)
        elif way.block.activation == "relu":
            made.relu_()
        else:
            made.tanh_()
        tape.append((x, y, mean, inverse, made))
        return made.view(-1, x.shape[1])

    def backward(self, g: Tensor, member: int, kept: Any, weights: bool, further: bool) -> Tensor | None:
        """Return the gradient at what came in, if it goes further, and add up those of the parameters; `g` is lost."""
        way, (x, y, mean, inverse, made) = self.way, kept
        batch = g.shape[1]
        g = g.view(way.channels, -1)
        made = made.view(way.channels, -1)
        if way.block.activation == "leaky":
            torch.ops.aten.leaky_relu_backward.grad_input(g, made, SLOPE, True, grad_input=g)
        elif way.block.activation == "relu":
            torch.ops.aten.threshold_backward.grad_input(g, made, 0, grad_input=g)
        else:
            torch.ops.aten.tanh_backward.grad_input(g, made, grad_input=g)
        if self.scales is not None:
            scale = self.scales[member]
            rows = scale.shape[0]
            g, *found = torch.ops.aten.native_group_norm_backward.default(
                g, y, mean, inverse, scale, 1, rows, y.numel() // rows, rows, [True, weights, weights]
            )
            if weights:
                self._add("scale", member, found[0])
                self._add("shift", member, found[1])
        if weights and self.biases is not None:
            self._add("bias", member, g.sum(1, dtype=self.dtype))
        if way.down:
            if weights:
                self._product(member, g, way.places.patches.sums(x).view(way.shape[1], -1))
            if not further:
                return None
            back = way.places.images.sums(torch.mm(self.transposed[member], g).view(-1, batch))
        else:
            patches = way.places.patches.sums(g.view(-1, batch)).view(way.shape[1], -1)
            if weights:
                self._product(member, x.view(way.shape[0], -1), patches)
            if not further:
                return None
            back = torch.mm(self.kernels[member], patches).view(-1, batch)
        return back

    def gradients(self, weights: bool) -> list[Tensor | None]:
        """Return the sums: of weight, bias, scale and shift."""
        if not weights:
            return [None] * PARTS
        weight, *rest = (torch.stack(rows) if rows else None for rows in self.sums.values())
        assert weight is not None
        if self.way.flipped:
            members, outs, ins, *kernel = self.shape
            weight = weight.view(members, ins, outs, *kernel).flip(-2, -1).transpose(1, 2)
        return [weight.reshape(self.shape), *rest]

    def _product(self, member: int, one: Tensor, other: Tensor) -> None:
        sums = self.sums["weight"]
        if member < len(sums) and not self.low:
            sums[member].addmm_(one, other.mT)
        else:
            self._add("weight", member, torch.mm(one, other.mT).to(self.dtype))

    def _add(self, name: str, member: int, value: Tensor) -> None:
        """Add what comes of a member's batch; the batches come in the order of the members, again and again."""
        sums = self.sums[name]
        if member < len(sums):
            sums[member] += value
        else:
            sums.append(value)

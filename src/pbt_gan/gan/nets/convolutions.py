"""Convolutions of small images as products with patches, differentiable any number of times.

Images are [S·P, C, H, W, B]: S batches of each of P members, the samples of a batch last. So a pixel of a batch is a
row of memory, and the same row is in each patch that has the pixel. To cut patches [C·k·k, h·w·B] out, or to add them
up where they lie, is to add rows to rows: `embedding_bag`, at the speed of memory.

Batches are taken one after another. So the patches of one stay in a core's cache, and the bits of a member cannot
depend on how many are in its group.
"""

import inspect
from functools import cache
from itertools import cycle
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_CACHE_LINE = 64
"""Bytes; torch's own tensors begin at one."""


class Window(NamedTuple):
    """What moves over the images of each member."""

    members: int
    kernel: int  # pixels along a side
    stride: int  # pixels from one place to the next


Arguments = tuple[Tensor, Tensor, Window]

Gradients = tuple[Tensor | None, Tensor | None, None]


def convolve(images: Tensor, weights: Tensor, window: Window) -> Tensor:
    """Return images [S·P, O, H / stride, W / stride, B] of images [S·P, C, H, W, B] and weights [P, O, C, k, k]."""
    return _Convolve.of(images, weights, window)


def transposed(images: Tensor, weights: Tensor, window: Window) -> Tensor:
    """Return images [S·P, C, h · stride, w · stride, B] of images [S·P, O, h, w, B] and weights [P, O, C, k, k]."""
    return _Transposed.of(images, weights, window)


class _Bilinear(torch.autograd.Function):
    """What is linear in each of two tensors, like each of the functions below, whose gradients are the other two."""

    def __init_subclass__(cls) -> None:
        # torch asks for it at each call, and to work it out anew takes as long as a small product.
        vars(cls.forward)["__signature__"] = inspect.signature(cls.forward)

    @classmethod
    def of(cls, one: Tensor, other: Tensor, window: Window) -> Tensor:
        result: Tensor = cls.apply(one, other, window)  # type: ignore[no-untyped-call]
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: Arguments, output: Tensor) -> None:
        one, other, ctx.window = inputs
        ctx.save_for_backward(one, other)


class _Convolve(_Bilinear):
    """Images [S·P, C, H, W, B] and weights [P, O, C, k, k] to images [S·P, O, H / stride, W / stride, B]."""

    @staticmethod
    def forward(images: Tensor, weights: Tensor, window: Window) -> Tensor:
        (count, channels, size, _, batch), outs = images.shape, weights.shape[1]
        places, side = places_of(channels, size, window.kernel, window.stride, images.device), size // window.stride
        result = images.new_empty(count, outs, side, side, batch)
        kernels = cycle([aligned(kernel) for kernel in weights.reshape(window.members, outs, -1)])
        rows, products = images.detach().reshape(count, -1, batch).unbind(), result.view(count, outs, -1).unbind()
        for own, kernel, product in zip(rows, kernels, products, strict=False):
            _multiply(kernel, places.patches.sums(own).reshape(-1, side * side * batch), product)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        (images, weights), window, (first, second, _) = ctx.saved_tensors, ctx.window, ctx.needs_input_grad
        return (
            _Transposed.of(gradient, weights, window) if first else None,
            _Correlate.of(gradient, images, window) if second else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Tensor, int]:
        return _side_by_side(_Convolve, info.batch_size, in_dims, *arguments)


class _Transposed(_Bilinear):
    """Images [S·P, O, h, w, B] and weights [P, O, C, k, k] to images [S·P, C, h · stride, w · stride, B]."""

    @staticmethod
    def forward(images: Tensor, weights: Tensor, window: Window) -> Tensor:
        (count, outs, side, _, batch), channels = images.shape, weights.shape[2]
        size = side * window.stride
        places = places_of(channels, size, window.kernel, window.stride, images.device)
        result = images.new_empty(count, channels, size, size, batch)
        kernels = cycle([aligned(kernel).mT for kernel in weights.reshape(window.members, outs, -1)])
        rows, sums = images.reshape(count, outs, -1).unbind(), result.view(count, -1, batch).unbind()
        patches = images.new_empty(channels * window.kernel**2, side * side * batch)
        for own, kernel, total in zip(rows, kernels, sums, strict=False):
            _multiply(kernel, aligned(own), patches)
            total.copy_(places.images.sums(patches.view(-1, batch)))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        (images, weights), window, (first, second, _) = ctx.saved_tensors, ctx.window, ctx.needs_input_grad
        return (
            _Convolve.of(gradient, weights, window) if first else None,
            _Correlate.of(images, gradient, window) if second else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Tensor, int]:
        return _side_by_side(_Transposed, info.batch_size, in_dims, *arguments)


class _Correlate(_Bilinear):
    """Images [S·P, O, h, w, B] and images [S·P, C, h · stride, w · stride, B] to weights [P, O, C, k, k]."""

    @staticmethod
    def forward(coarse: Tensor, fine: Tensor, window: Window) -> Tensor:
        (count, outs, *_, batch), (_, channels, size, *_) = coarse.shape, fine.shape
        places = places_of(channels, size, window.kernel, window.stride, fine.device)
        # Batches of a member are summed up one after another into its own rows, whoever else is in the group.
        result = coarse.new_zeros(window.members, outs, channels, window.kernel, window.kernel)
        totals = cycle(result.view(window.members, outs, -1).unbind())
        pixels, rows = coarse.reshape(count, outs, -1).unbind(), fine.detach().reshape(count, -1, batch).unbind()
        for own, around, total in zip(pixels, rows, totals, strict=False):
            total += torch.mm(aligned(own), places.patches.sums(around).reshape(total.shape[1], -1).mT)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        (coarse, fine), window, (first, second, _) = ctx.saved_tensors, ctx.window, ctx.needs_input_grad
        return (
            _Convolve.of(fine, gradient, window) if first else None,
            _Transposed.of(coarse, gradient, window) if second else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Tensor, int]:
        return _side_by_side(_Correlate, info.batch_size, in_dims, *arguments)


def _multiply(one: Tensor, other: Tensor, product: Tensor) -> None:
    """Put a product where it belongs; the bits would depend on where in a cache line it begins."""
    if product.data_ptr() % _CACHE_LINE:
        product.copy_(torch.mm(one, other))
    else:
        torch.mm(one, other, out=product)


def aligned(tensor: Tensor) -> Tensor:
    """Return a tensor that begins where a new one would: the bits of a product depend on that too."""
    return tensor.clone() if tensor.data_ptr() % _CACHE_LINE else tensor


def _side_by_side(
    function: type[_Bilinear], times: int, in_dims: Any, one: Tensor, other: Tensor, window: Window
) -> tuple[Tensor, int]:
    """Apply a function to groups that `torch.func.vmap` has stacked, as to one group."""

    def one_group(tensor: Tensor, dim: int) -> Tensor:
        rows = tensor.movedim(dim, 0)
        return rows.reshape(times, -1, window.members, *rows.shape[2:]).transpose(0, 1).flatten(0, 2)

    together = window._replace(members=times * window.members)
    result = function.of(one_group(one, in_dims[0]), one_group(other, in_dims[1]), together)
    return result.view(-1, times, window.members, *result.shape[1:]).transpose(0, 1).flatten(1, 2), 0


class _Bags(NamedTuple):
    """Which rows are added up: for the i-th sum, those of indices[offsets[i] : offsets[i + 1]]."""

    indices: Tensor
    offsets: Tensor
    same: bool  # each row is a sum, in their order

    def sums(self, rows: Tensor) -> Tensor:
        if self.same:
            return aligned(rows)
        # Not by torch.nn.functional, whose checks take as long as the sums.
        sums: Tensor = torch.embedding_bag(rows, self.indices, self.offsets, False, 0, False, None, True)[0]
        return sums


class Places(NamedTuple):
    """Rows of patches from rows of images, and the other way."""

    patches: _Bags
    images: _Bags


@cache
def places_of(channels: int, size: int, kernel: int, stride: int, device: torch.device) -> Places:
    """Return the rows of k × k patches of images [C, H, W], a patch at each `stride`-th pixel."""
    side = size // stride
    before = (kernel - 1) // 2
    after = stride * (side - 1) + kernel - size - before
    pixels = torch.arange(channels * size * size).view(channels, size, size)
    padded = F.pad(pixels, (before, after, before, after), value=-1)
    cut = padded.unfold(1, kernel, stride).unfold(2, kernel, stride).permute(0, 3, 4, 1, 2).flatten()
    (patches,) = torch.nonzero(cut >= 0, as_tuple=True)
    images = cut[patches]
    return Places(_bags(patches, images, len(cut), device), _bags(images, patches, pixels.numel(), device))


def _bags(to: Tensor, of: Tensor, count: int, device: torch.device) -> _Bags:
    offsets = F.pad(torch.bincount(to, minlength=count).cumsum(0), (1, 0))
    # In a stable order: which rows are added first decides the last bits of a sum.
    indices = of[to.argsort(stable=True)]
    same = torch.equal(indices, torch.arange(count))
    # In 32 bits: what says where rows lie is half as long.
    return _Bags(indices.to(device, torch.int32), offsets.to(device, torch.int32), same)

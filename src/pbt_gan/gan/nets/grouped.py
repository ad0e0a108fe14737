"""Convolutions in groups that stay in groups however often they are differentiated.

The gradient of torch's own convolution is differentiated one group after another: with a group for each member, that is
as many times the launches as there are members. Here convolution, its transpose and its weights' gradient are three
functions, each differentiated by the other two. What torch takes as one convolution, each of them is too.

Images are [B, G·C, H, W], weights [G·O, C, k, k]. Coarse images have O channels a group, fine ones C and `stride` times
the height and width.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

_convolution: Callable[..., Tensor] = torch.ops.aten.convolution.default
_convolution_backward: Callable[..., tuple[Tensor, Tensor, Tensor]] = torch.ops.aten.convolution_backward.default


class Window(NamedTuple):
    """What moves over the images."""

    groups: int
    kernel: int  # pixels along a side
    stride: int  # pixels from one place to the next

    @property
    def padding(self) -> int:
        """Pixels of 0 before the images; after them, as many as make the coarse side the fine one over the stride."""
        return (self.kernel - 1) // 2

    @property
    def transposed_padding(self) -> int:
        """Pixels that a transpose adds to come out at the stride times the side."""
        return self.stride - self.kernel + 2 * self.padding


Arguments = tuple[Tensor, Tensor, Window]

Gradients = tuple[Tensor | None, Tensor | None, None]


def convolve(images: Tensor, weights: Tensor, window: Window) -> Tensor:
    """Return coarse images of fine ones."""
    return _Convolve.of(images, weights, window)


def transposed(images: Tensor, weights: Tensor, window: Window) -> Tensor:
    """Return fine images of coarse ones."""
    return _Transposed.of(images, weights, window)


def slopes_of_slopes() -> bool:
    """Whether somebody asks for them: penalties do, inside of `torch.func.grad`.

    Elsewhere torch's own convolutions say the same in fewer calls.
    """
    inside: bool = torch._C._are_functorch_transforms_active()
    return inside


class _Bilinear(torch.autograd.Function):
    """What is linear in each of two tensors, like each of the functions below, whose gradients are the other two."""

    @classmethod
    def of(cls, one: Tensor, other: Tensor, window: Window) -> Tensor:
        result: Tensor = cls.apply(one, other, window)  # type: ignore[no-untyped-call]
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: Arguments, output: Tensor) -> None:
        one, other, ctx.window = inputs
        ctx.save_for_backward(one, other)


class _Convolve(_Bilinear):
    """Fine images and weights to coarse images."""

    @staticmethod
    def forward(images: Tensor, weights: Tensor, window: Window) -> Tensor:
        stride, padding = [window.stride] * 2, [window.padding] * 2
        return _convolution(images, weights, None, stride, padding, [1, 1], False, [0, 0], window.groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        (images, weights), window, (first, second, _) = ctx.saved_tensors, ctx.window, ctx.needs_input_grad
        return (
            _Transposed.of(gradient, weights, window) if first else None,
            _Correlate.of(gradient, images, window) if second else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, images: Tensor, weights: Tensor, window: Window) -> tuple[Tensor, int]:
        times, (image_dim, weight_dim, _) = info.batch_size, in_dims
        if weight_dim is None:
            return _more_images(_Convolve, times, images.movedim(image_dim, 0), weights, window)
        together = window._replace(groups=times * window.groups)
        coarse = _Convolve.of(*_together(times, images, image_dim, weights, weight_dim), together)
        return torch.unflatten(coarse, 1, (times, -1)), 1


class _Transposed(_Bilinear):
    """Coarse images and weights to fine images."""

    @staticmethod
    def forward(images: Tensor, weights: Tensor, window: Window) -> Tensor:
        stride, padding, after = ([pixels] * 2 for pixels in (window.stride, window.padding, window.transposed_padding))
        return _convolution(images, weights, None, stride, padding, [1, 1], True, after, window.groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        (images, weights), window, (first, second, _) = ctx.saved_tensors, ctx.window, ctx.needs_input_grad
        return (
            _Convolve.of(gradient, weights, window) if first else None,
            _Correlate.of(images, gradient, window) if second else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, images: Tensor, weights: Tensor, window: Window) -> tuple[Tensor, int]:
        times, (image_dim, weight_dim, _) = info.batch_size, in_dims
        if weight_dim is None:
            return _more_images(_Transposed, times, images.movedim(image_dim, 0), weights, window)
        together = window._replace(groups=times * window.groups)
        fine = _Transposed.of(*_together(times, images, image_dim, weights, weight_dim), together)
        return torch.unflatten(fine, 1, (times, -1)), 1


class _Correlate(_Bilinear):
    """Coarse and fine images to weights."""

    @staticmethod
    def forward(coarse: Tensor, fine: Tensor, window: Window) -> Tensor:
        shape = coarse.shape[1], fine.shape[1] // window.groups, window.kernel, window.kernel
        stride, padding = [window.stride] * 2, [window.padding] * 2
        _, weights, _ = _convolution_backward(
            coarse,
            fine,
            fine.new_empty(shape),  # of the weights, only the shape is looked at
            None,
            stride,
            padding,
            [1, 1],
            False,
            [0, 0],
            window.groups,
            [False, True, False],
        )
        return weights

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        (coarse, fine), window, (first, second, _) = ctx.saved_tensors, ctx.window, ctx.needs_input_grad
        return (
            _Convolve.of(fine, gradient, window) if first else None,
            _Transposed.of(coarse, gradient, window) if second else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, coarse: Tensor, fine: Tensor, window: Window) -> tuple[Tensor, int]:
        times, (coarse_dim, fine_dim, _) = info.batch_size, in_dims
        together = window._replace(groups=times * window.groups)
        weights = _Correlate.of(_channels(coarse, coarse_dim, times), _channels(fine, fine_dim, times), together)
        return torch.unflatten(weights, 0, (times, -1)), 0


def _more_images(
    function: type[_Bilinear], times: int, images: Tensor, weights: Tensor, window: Window
) -> tuple[Tensor, int]:
    """Apply a function to batches that `torch.func.vmap` has stacked as to one; all have the same weights."""
    return torch.unflatten(function.of(images.flatten(0, 1), weights, window), 0, (times, -1)), 0


def _together(
    times: int, images: Tensor, image_dim: int | None, weights: Tensor, weight_dim: int | None
) -> tuple[Tensor, Tensor]:
    """Return images with the channels, and weights with the groups, of all that `torch.func.vmap` has stacked."""
    return _channels(images, image_dim, times), _first(weights, weight_dim, times).flatten(0, 1)


def _channels(images: Tensor, dim: int | None, times: int) -> Tensor:
    """Return images that `torch.func.vmap` has stacked along an axis as more channels."""
    return _first(images, dim, times).transpose(0, 1).flatten(1, 2)


def _first(tensor: Tensor, dim: int | None, times: int) -> Tensor:
    """Return what is stacked along an axis along the first one; None: it is the same for all."""
    return tensor.expand(times, *tensor.shape) if dim is None else tensor.movedim(dim, 0)

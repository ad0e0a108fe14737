"""Convolutions with batch norm by the statistics of the batch, always: for discriminators, whose work is training."""

from collections.abc import Callable

from torch import Tensor

from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Shape
from pbt_gan.gan.nets.net import Params

Convolution = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""One of the convolutions of `Layers`."""


def normal_shapes(name: str, outs: int, ins: int, kernel: int) -> dict[str, Shape]:
    """Return the parameters of a convolution without a bias, which batch norm would take out again, and of the norm."""
    return {f"{name}.weight": (outs, ins, kernel, kernel), f"{name}.scale": (outs,), f"{name}.shift": (outs,)}


def normal(layers: Layers, params: Params, name: str, convolution: Convolution, x: Tensor) -> Tensor:
    """Convolve, and normalise each channel of each batch."""
    y = convolution(x, params[f"{name}.weight"], None)
    normalised, _, _ = layers.batch_norm(y, params[f"{name}.scale"], params[f"{name}.shift"])
    return normalised

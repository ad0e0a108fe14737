"""Gates: numbers between 0 and 1 that weigh what passes them."""

from torch import Tensor

from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Shape
from pbt_gan.gan.nets.net import Params
from pbt_gan.gan.nets.resampling import pool


def sigmoid(x: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-x)).

    Not by torch's own, which on a CPU rounds otherwise at the end of a tensor than within it: a member's bits would
    depend on where it lies in its group.
    """
    return (x / 2).tanh() / 2 + 0.5


def gated(layers: Layers, x: Tensor, members: int) -> Tensor:
    """Return the first half of each member's channels weighed by the second, number by number.

    Source: the gated linear unit of Dauphin et al. 2017, arXiv:1612.08083.
    """
    passing, gate = layers.split(x, members, 2)
    return passing * sigmoid(gate)


def excitation_shapes(name: str, ins: int, outs: int, side: int) -> dict[str, Shape]:
    """Return the parameters of what weighs `outs` channels by `ins` others, pooled to side × side pixels."""
    return {f"{name}.squeeze.weight": (outs, ins * side**2), f"{name}.excite.weight": (outs, outs, 1, 1)}


def excited(layers: Layers, params: Params, name: str, by: Tensor, x: Tensor) -> Tensor:
    """Weigh each channel of x by what is seen at another resolution: skip-layer excitation.

    Args:
        layers: the formulation of both.
        params: those of `excitation_shapes`, among others.
        name: of the excitation.
        by: what weighs; it is pooled to 4 to 7 pixels a side, and all of them are seen at once.
        x: what is weighed.

    Source: Liu et al. 2021, arXiv:2101.04775, eq. 1 and figure 3b.
    """
    squeeze = params[f"{name}.squeeze.weight"]
    while by.shape[2] > 7:
        by = pool(by)
    y = layers.dense(layers.flatten(by, len(squeeze)).flatten(0, 1), squeeze, None)
    y = y * sigmoid(y)  # swish
    return x * sigmoid(layers.convolve(y, params[f"{name}.excite.weight"], None))

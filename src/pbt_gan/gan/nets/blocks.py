"""Nets as blocks, one after another: a convolution, perhaps a norm, an activation."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.net import Params

SLOPE = 0.2
"""Of LeakyReLU below 0."""

Normalise = Callable[[str, Tensor], Tensor]
"""A norm of that name, of an x."""


class Block(NamedTuple):
    """One block; its parameters are `name.weight`, `name.bias` if there is one, and those of its norm."""

    name: str
    kind: Literal["dense", "convolve", "halve", "double"]
    activation: Literal["relu", "leaky", "tanh", "none"]
    norm: str = ""  # its name; "": none
    side: int = 0  # pixels along a side that a dense block's features become


def one_after_another(
    layers: Layers, blocks: Sequence[Block], params: Params, x: Tensor, normalise: Normalise
) -> Tensor:
    """Return what blocks make of an x, layer by layer."""
    for block in blocks:
        layer = getattr(layers, block.kind)
        x = layer(x, params[f"{block.name}.weight"], params.get(f"{block.name}.bias"))
        if block.norm:
            x = normalise(block.norm, x)
        if block.side:
            x = layers.unflatten(x, block.side)
        # In place, which saves memory: the gradient of a norm or a convolution does not need its output.
        if block.activation == "tanh":
            x = x.tanh()
        elif block.activation != "none":
            x = F.relu_(x) if block.activation == "relu" else F.leaky_relu_(x, SLOPE)
    return x

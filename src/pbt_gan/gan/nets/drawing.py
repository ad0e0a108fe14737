"""Drawing images of what a discriminator sees in them: so that what it sees is all that there is to an image.

Source: the self-supervised discriminator of Liu et al. 2021, arXiv:2101.04775, section 3.2 and figure 4.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pbt_gan.gan.nets.gates import gated
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Shape
from pbt_gan.gan.nets.net import Params
from pbt_gan.gan.nets.normal import normal, normal_shapes
from pbt_gan.gan.nets.resampling import grow


def drawing_shapes(name: str, ins: int, widths: Sequence[int], channels: int) -> dict[str, Shape]:
    """Return the parameters of what draws images of so many channels; `widths`: of each block in between."""
    shapes: dict[str, Shape] = {}
    for n, outs in enumerate(widths):
        shapes |= normal_shapes(f"{name}.up{n}", 2 * outs, ins, 3)
        ins = outs
    return shapes | {f"{name}.weight": (channels, ins, 3, 3)}


def drawn_from(layers: Layers, params: Params, name: str, blocks: int, x: Tensor) -> Tensor:
    """Return images in [-1, 1] drawn of features: blocks that double as in the generator, a convolution, tanh."""
    weight = params[f"{name}.weight"]
    for n in range(blocks):
        x = gated(layers, normal(layers, params, f"{name}.up{n}", layers.convolve, grow(x)), len(weight))
    return layers.convolve(x, weight, None).tanh()


def quarter(layers: Layers, x: Tensor, channels: int, place: Tensor) -> Tensor:
    """Return a quarter of each image of a single batch.

    Args:
        layers: the formulation of x.
        x: images or features.
        channels: how many x has for each member.
        place: [P, B, 2]; the upper ones of the four where the first number is below ½, the left ones by the second.
    """
    side = x.shape[2] // 2
    upper, left = (layers.per_pixel((each < 0.5)[..., None, None], channels) for each in place.unbind(-1))
    x = torch.where(upper, x[:, :, :side], x[:, :, side:])
    return torch.where(left, x[:, :, :, :side], x[:, :, :, side:])

"""The plain convolutional nets of spectral norm: those of DCGAN, with a deeper discriminator.

Source: Miyato et al. 2018, arXiv:1802.05957, table 3. With `width` = 64 and `z_size` = 128 these are its nets for 32×32
and 48×48 pixels; `bias_before_norm` keeps the biases that have no effect there. Other sizes have a stage more or fewer,
each with twice the channels of the finer one.

Where others differ the discriminator is the table's: the first convolution of a stage doubles the channels, the strided
one keeps them, and the slope is 0.1. pfnet-research/chainer-gan-lib and google/compare_gan double them at the strided
one. Like both of them, and unlike the table, the generator normalises its dense layer.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.random import Generator as Random
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.nets import dcgan, heads
from pbt_gan.gan.nets.discriminator import LayeredDiscriminator
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Layout, Shape
from pbt_gan.gan.nets.net import ImageShape, Pair, Params
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.sizes import halvings
from pbt_gan.gan.nets.spectral import SpectralNorm

SLOPE = 0.1
"""Of LeakyReLU below 0."""


@dataclass(frozen=True)
class Discriminator(LayeredDiscriminator):
    """Images to one logit each: in each stage a convolution and one that halves, then one more, then dense.

    LeakyReLU 0.1 follows each convolution; there is no batch norm.
    """

    size: int
    channels: int
    classes: int
    width: int  # channels of the finest stage
    layers: Layers

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        stages, ins = halvings(self.size), self.channels
        shapes: dict[str, Shape] = {}
        for n in range(stages + 1):
            outs = self.width * 2**n
            shapes |= {f"keep{n}.weight": (outs, ins, 3, 3), f"keep{n}.bias": (outs,)}
            if n < stages:
                shapes |= {f"halve{n}.weight": (outs, outs, 4, 4), f"halve{n}.bias": (outs,)}
            ins = outs
        return Layout(shapes | heads.head_shapes(ins * (self.size >> stages) ** 2, self.classes))

    def initial_params(self, rng: Random) -> Tensor:
        """Draw weights from N(0, 0.02)."""
        return dcgan.initial_params(self.layout, "normal", rng)

    def logits(self, params: Params, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return logits [S, P, B] of an x of S batches, and of their labels [S, P, B, K]."""
        stages = halvings(self.size)
        for n in range(stages + 1):
            x = F.leaky_relu_(self.layers.convolve(x, params[f"keep{n}.weight"], params[f"keep{n}.bias"]), SLOPE)
            if n < stages:
                x = F.leaky_relu_(self.layers.halve(x, params[f"halve{n}.weight"], params[f"halve{n}.bias"]), SLOPE)
        return heads.projected(self.layers, x, params, labels)


def make_nets(shape: ImageShape, settings: NetSettings, layers: Layers) -> Pair:
    """Return both nets for images of a shape."""
    both: dict[str, Any] = {**shape._asdict(), "width": settings.width, "layers": layers}
    generator = dcgan.Generator(
        z_size=settings.z_size,
        kernel=4,
        full_size_layer=True,
        bias_before_norm=settings.bias_before_norm,
        init="normal",
        **both,
    )
    discriminator = Discriminator(**both)
    return Pair(generator, SpectralNorm(discriminator) if settings.discriminator_norm == "spectral" else discriminator)

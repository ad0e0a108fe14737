"""Residual nets: those of spectral norm, and those of WGAN-GP.

With `discriminator_norm` = "spectral" these are the nets of Miyato et al. 2018, arXiv:1802.05957:

- up to 32×32 pixels as in table 4 (32×32, `width` = 128): the generator is twice as wide as the discriminator;
- above as in table 5 (48×48), table 6 (128×128) and, for 64×64, in the authors' code, pfnet-research/sngan_projection
  (`width` = 64 in all of them): `width` channels next to the image, and 2, 4, 8, 16 times as many further in.

With "none" they are, up to 32×32 pixels, those of Gulrajani et al. 2017, arXiv:1704.00028, appendix F (`width` = 128):
both nets are equally wide, and the last layer sees the mean of all pixels, not the sum. Above there are the same stages
as with "spectral", not those of that paper's code for 64×64, whose last layer sees each pixel.

`z_size` = 128 in all of them; `bias_before_norm` keeps the biases that have no effect. The last layer has a bias at all
sizes; the authors' code has none at 32×32. Classes are told apart as in Miyato and Koyama 2018,
arXiv:1802.05637.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.random import Generator as Random
from torch import Tensor

from pbt_gan.gan.drawn import NOTHING, Drawn
from pbt_gan.gan.nets import heads
from pbt_gan.gan.nets.conditional import BatchNorms, norm_shapes
from pbt_gan.gan.nets.discriminator import LayeredDiscriminator
from pbt_gan.gan.nets.generator import LayeredGenerator
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Layout, Shape
from pbt_gan.gan.nets.net import Buffers, ImageShape, Pair, Params
from pbt_gan.gan.nets.resampling import grow, pool
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.sizes import halvings
from pbt_gan.gan.nets.spectral import SpectralNorm


class Stages(NamedTuple):
    """Channels after each block."""

    up: tuple[int, ...]  # of the generator, coarsest first; each but the first is of a block that doubles
    down: tuple[int, ...]  # of the discriminator, finest first
    halving: int  # how many of its blocks halve, the first ones


def stages(size: int, width: int, *, equally_wide: bool) -> Stages:
    """Return those for images of a size in pixels; see the module.

    Args:
        size: the images' height and width.
        width: channels of the discriminator's first block.
        equally_wide: whether the generator has no more, where all its blocks have as many.
    """
    doublings = halvings(size)
    if size <= 32:
        halving = max(1, sum(size >> n > 8 for n in range(doublings)))
        return Stages((width if equally_wide else 2 * width,) * (doublings + 1), (width,) * 4, halving)
    widths = tuple(width * min(2**n, 16) for n in range(max(5, doublings + 1)))
    even = (size & -size).bit_length() - 1  # how often the size can be halved at all
    return Stages(widths[doublings::-1], widths, min(doublings + 1, 5, even))


@dataclass(frozen=True)
class Generator(LayeredGenerator):
    """Latent numbers to images: dense, then blocks that double, batch norm and ReLU, a convolution, tanh.

    A block is batch norm, ReLU, each pixel as four, convolution, batch norm, ReLU, convolution; to that is added a
    convolution of single pixels. The buffers are the statistics of the batch norms.
    """

    size: int
    channels: int
    classes: int
    up: tuple[int, ...]  # channels after each block, coarsest first
    z_size: int
    bias_before_norm: bool  # keeps the blocks' biases, all of which a later batch norm takes out again
    layers: Layers

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        features = self.up[0] * self._coarsest**2
        shapes: dict[str, Shape] = {"dense.weight": (features, self.z_size), "dense.bias": (features,)}
        for n, (ins, outs) in enumerate(zip(self.up, self.up[1:], strict=False), start=1):
            shapes |= norm_shapes(f"block{n}.norm1", ins, self.classes)
            shapes |= _convolution(f"block{n}.convolution1", ins, outs, 3, bias=self.bias_before_norm)
            shapes |= norm_shapes(f"block{n}.norm2", outs, self.classes)
            shapes |= _convolution(f"block{n}.convolution2", outs, outs, 3, bias=self.bias_before_norm)
            shapes |= _convolution(f"block{n}.shortcut", ins, outs, 1, bias=self.bias_before_norm)
        # The last one knows of no classes, as in the authors' code.
        shapes |= norm_shapes("norm", self.up[-1])
        return Layout(shapes | _convolution("image", self.up[-1], self.channels, 3))

    def initial_params(self, rng: Random) -> Tensor:
        """Draw them as `initial_params` says."""
        return initial_params(self.layout, rng)

    def __call__(
        self,
        params: Params,
        buffers: Buffers,
        x: Tensor,
        labels: Tensor | None = None,
        drawn: Drawn = NOTHING,
        *,
        training: bool,
    ) -> tuple[Tensor, Buffers]:
        """Return images [P, B, C, H, W] of latents [P, B, Z], and the statistics that normalised them."""
        layers = self.layers
        norm = BatchNorms(layers, params, buffers, labels, training)

        def convolve(name: str, x: Tensor) -> Tensor:
            return layers.convolve(x, params[f"{name}.weight"], params.get(f"{name}.bias"))

        x = layers.unflatten(layers.dense(x, params["dense.weight"], params["dense.bias"]), self._coarsest)
        for n in range(1, len(self.up)):
            y = convolve(f"block{n}.convolution1", grow(norm(f"block{n}.norm1", x).relu_()))
            y = convolve(f"block{n}.convolution2", norm(f"block{n}.norm2", y).relu_())
            # Pixels are convolved one by one, so the order makes no difference, and before there are fewer.
            x = y + grow(convolve(f"block{n}.shortcut", x))
        return layers.leave(convolve("image", norm("norm", x).relu_()).tanh(), self.channels), norm.used

    @property
    def _coarsest(self) -> int:
        return self.size >> halvings(self.size)


@dataclass(frozen=True)
class Discriminator(LayeredDiscriminator):
    """Images to one logit each: blocks, ReLU, the sum or the mean over all pixels, then dense; no batch norm.

    A block is ReLU, convolution, ReLU, convolution, and means of 2 × 2 pixels if it halves; to that is added what went
    in, its pixels convolved one by one where the block halves or has other channels. The first begins without a ReLU.
    """

    size: int
    channels: int
    classes: int
    down: tuple[int, ...]  # channels after each block, finest first
    halving: int  # how many of the blocks halve, the first ones
    mean: bool  # over all pixels; else the sum
    layers: Layers

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        shapes: dict[str, Shape] = {}
        ins = self.channels
        for n, outs in enumerate(self.down):
            between = ins if n else outs
            shapes |= _convolution(f"block{n}.convolution1", ins, between, 3)
            shapes |= _convolution(f"block{n}.convolution2", between, outs, 3)
            if n < self.halving or ins != outs:
                shapes |= _convolution(f"block{n}.shortcut", ins, outs, 1)
            ins = outs
        return Layout(shapes | heads.head_shapes(ins, self.classes))

    def initial_params(self, rng: Random) -> Tensor:
        """Draw them as `initial_params` says."""
        return initial_params(self.layout, rng)

    def logits(self, params: Params, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return logits [S, P, B] of an x of S batches, and of their labels [S, P, B, K]."""
        for n in range(len(self.down)):
            x = self._block(params, f"block{n}", x, first=n == 0, halves=n < self.halving)
        x = x.relu()
        pixels = x.mean((2, 3), keepdim=True) if self.mean else x.sum((2, 3), keepdim=True)
        return heads.projected(self.layers, pixels, params, labels)

    def _block(self, params: Params, name: str, x: Tensor, *, first: bool, halves: bool) -> Tensor:
        def convolve(part: str, x: Tensor) -> Tensor:
            return self.layers.convolve(x, params[f"{name}.{part}.weight"], params[f"{name}.{part}.bias"])

        y = convolve("convolution2", convolve("convolution1", x if first else x.relu()).relu_())
        if halves:
            # A mean of convolved pixels is the convolved mean, which takes a quarter of the time.
            x, y = pool(x), pool(y)
        return y + (convolve("shortcut", x) if f"{name}.shortcut.weight" in params else x)


def make_nets(shape: ImageShape, settings: NetSettings, layers: Layers) -> Pair:
    """Return both nets for images of a shape."""
    assert settings.width is not None
    spectral = settings.discriminator_norm == "spectral"
    up, down, halving = stages(shape.size, settings.width, equally_wide=not spectral)
    both: dict[str, Any] = {**shape._asdict(), "layers": layers}
    generator = Generator(up=up, z_size=settings.z_size, bias_before_norm=settings.bias_before_norm, **both)
    discriminator = Discriminator(down=down, halving=halving, mean=not spectral, **both)
    return Pair(generator, SpectralNorm(discriminator) if spectral else discriminator)


def initial_params(layout: Layout, rng: Random) -> Tensor:
    """Draw a net's parameters, float32[size]; scales begin at 1, biases and shifts at 0.

    Weights are uniform with a standard deviation of √(4 / (fan_in + fan_out)) for the blocks' convolutions of 3 × 3
    pixels, and √(2 / (fan_in + fan_out)) for all else (both sources' code).
    """
    parts: dict[str, Tensor] = {}
    for name, shape in layout.shapes.items():
        if name.endswith("weight"):
            gain = 4 if ".convolution" in name else 2
            reach = math.sqrt(3 * gain / (math.prod(shape[2:]) * (shape[0] + shape[1])))
            parts[name] = torch.from_numpy(rng.uniform(-reach, reach, shape).astype(np.float32))
        else:
            parts[name] = torch.full(shape, 1.0 if name.endswith("scale") else 0.0)
    return layout.flat(parts)


def _convolution(name: str, ins: int, outs: int, kernel: int, *, bias: bool = True) -> dict[str, Shape]:
    biases: dict[str, Shape] = {f"{name}.bias": (outs,)} if bias else {}
    return {f"{name}.weight": (outs, ins, kernel, kernel), **biases}

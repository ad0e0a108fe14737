"""The nets: DCGAN-style generator and discriminator for any square image whose size can be halved.

Where there are classes, the generator's batch norms have a scale and a shift for each, and the discriminator projects
(Miyato and Koyama 2018, arXiv:1802.05637).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.random import Generator as Random
from torch import Tensor

from pbt_gan.gan.drawn import NOTHING, Drawn
from pbt_gan.gan.nets import heads
from pbt_gan.gan.nets.blocks import Block
from pbt_gan.gan.nets.conditional import BatchNorms, norm_shapes
from pbt_gan.gan.nets.discriminator import LayeredDiscriminator
from pbt_gan.gan.nets.generator import LayeredGenerator
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Layout, Shape
from pbt_gan.gan.nets.net import Buffers, ImageShape, Pair, Params
from pbt_gan.gan.nets.passage import through
from pbt_gan.gan.nets.settings import Init, NetSettings
from pbt_gan.gan.nets.sizes import halvings
from pbt_gan.gan.nets.spectral import SpectralNorm


@dataclass(frozen=True)
class Generator(LayeredGenerator):
    """Latent numbers to images: dense, then transposed convolutions, batch norm and ReLU between, tanh at the end.

    The first batch norm acts on each feature of the dense layer, the others on channels. Its buffers are the statistics
    of the batch norms, `norm0.mean`, `norm0.variance`, …, each [P, F]: what they take away, and divide by the root of.
    """

    size: int  # height and width of the images
    channels: int
    classes: int
    width: int
    z_size: int
    kernel: int
    full_size_layer: bool  # a convolution at the size of the images comes last
    bias_before_norm: bool
    init: Init
    layers: Layers

    @cached_property
    def widths(self) -> list[int]:
        """Channels of each layer but the image, coarsest first."""
        return _widths(self.size, self.width, self.full_size_layer)[::-1]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """What it is made of."""
        blocks = [Block("dense", "dense", "relu", "norm0", _coarsest(self.size))]
        blocks += [Block(f"double{n}", "double", "relu", f"norm{n}") for n in range(1, len(self.widths))]
        last = (
            Block("keep", "convolve", "tanh")
            if self.full_size_layer
            else Block(f"double{len(self.widths)}", "double", "tanh")
        )
        return (*blocks, last)

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        features = self.widths[0] * _coarsest(self.size) ** 2
        shapes: dict[str, Shape] = {"dense.weight": (features, self.z_size)}
        if self.bias_before_norm:
            shapes["dense.bias"] = (features,)
        shapes |= norm_shapes("norm0", features, self.classes)
        for n in range(1, halvings(self.size) + 1):
            last = n == len(self.widths)
            outs = self.channels if last else self.widths[n]
            shapes[f"double{n}.weight"] = (self.widths[n - 1], outs, self.kernel, self.kernel)
            if last or self.bias_before_norm:
                shapes[f"double{n}.bias"] = (outs,)
            if not last:
                shapes |= norm_shapes(f"norm{n}", outs, self.classes)
        if self.full_size_layer:
            shapes |= {"keep.weight": (self.channels, self.width, 3, 3), "keep.bias": (self.channels,)}
        return Layout(shapes)

    def initial_params(self, rng: Random) -> Tensor:
        """Draw them as `init` says."""
        return initial_params(self.layout, self.init, rng)

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
        norms = BatchNorms(self.layers, params, buffers, labels, training)
        return self.layers.leave(through(norms, self.blocks, x), self.channels), norms.used


@dataclass(frozen=True)
class Discriminator(LayeredDiscriminator):
    """Images to one logit each: convolutions with LeakyReLU 0.2, then dense; batch norm, if any, on all but the first.

    Batch norm uses the statistics of the batch, always: real and fake images go through separately.
    """

    size: int
    channels: int
    classes: int
    width: int
    kernel: int
    full_size_layer: bool  # a convolution at the size of the images comes first
    batch_norm: bool
    bias_before_norm: bool
    init: Init
    layers: Layers

    @cached_property
    def widths(self) -> list[int]:
        """Channels of each layer but the image, finest first."""
        return _widths(self.size, self.width, self.full_size_layer)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """What it is made of, up to the logits."""
        blocks = [Block("keep", "convolve", "leaky")] if self.full_size_layer else []
        shapes = self.layout.shapes
        for n in range(1, halvings(self.size) + 1):
            norm = f"norm{n}" if f"norm{n}.scale" in shapes else ""
            blocks += [Block(f"halve{n}", "halve", "leaky", norm)]
        return tuple(blocks)

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        shapes: dict[str, Shape] = {}
        ins = self.channels
        if self.full_size_layer:
            shapes |= {"keep.weight": (self.width, ins, 3, 3), "keep.bias": (self.width,)}
            ins = self.width
        for n, outs in enumerate(self.widths[-halvings(self.size) :], start=1):
            shapes[f"halve{n}.weight"] = (outs, ins, self.kernel, self.kernel)
            first = n == 1 and not self.full_size_layer
            normalised = self.batch_norm and not first
            if not normalised or self.bias_before_norm:
                shapes[f"halve{n}.bias"] = (outs,)
            if normalised:
                shapes |= norm_shapes(f"norm{n}", outs)
            ins = outs
        return Layout(shapes | heads.head_shapes(ins * _coarsest(self.size) ** 2, self.classes))

    def initial_params(self, rng: Random) -> Tensor:
        """Draw them as `init` says."""
        return initial_params(self.layout, self.init, rng)

    def logits(self, params: Params, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return logits [S, P, B] of an x of S batches, and of their labels [S, P, B, K]."""
        x = through(BatchNorms(self.layers, params, {}, None, training=True), self.blocks, x, statistics=False)
        return heads.projected(self.layers, x, params, labels)


def make_nets(shape: ImageShape, settings: NetSettings, layers: Layers) -> Pair:
    """Return both nets for images of a shape."""
    both: dict[str, Any] = {
        **shape._asdict(),
        "width": settings.width,
        "kernel": settings.kernel,
        "full_size_layer": settings.full_size_layer,
        "bias_before_norm": settings.bias_before_norm,
        "init": settings.init,
        "layers": layers,
    }
    discriminator = Discriminator(batch_norm=settings.discriminator_norm == "batch", **both)
    spectral = settings.discriminator_norm == "spectral"
    return Pair(Generator(z_size=settings.z_size, **both), SpectralNorm(discriminator) if spectral else discriminator)


def initial_params(layout: Layout, init: Init, rng: Random) -> Tensor:
    """Draw a net's parameters, float32[size]; scales begin at 1, biases and shifts at 0.

    Weights are N(0, 0.02) (Radford et al. 2016, arXiv:1511.06434), or uniform with a standard deviation of
    √(4 / (fan_in + fan_out)) for convolutions and √(2 / (fan_in + fan_out)) for dense layers, where a stride of 2
    divides the fan on the side of the finer image by 4 (He et al. 2015, as in igul222/improved_wgan_training).
    """
    parts: dict[str, Tensor] = {}
    for name, shape in layout.shapes.items():
        if not name.endswith("weight"):
            parts[name] = torch.full(shape, 1.0 if name.endswith("scale") else 0.0)
        elif init == "normal":
            parts[name] = torch.from_numpy(0.02 * rng.standard_normal(shape, np.float32))
        else:
            reach = math.sqrt(3) * _deviation(name, shape)
            parts[name] = torch.from_numpy(rng.uniform(-reach, reach, shape).astype(np.float32))
    return layout.flat(parts)


def _deviation(name: str, shape: Shape) -> float:
    if len(shape) == 2:
        return math.sqrt(2 / (shape[0] + shape[1]))
    # A strided convolution's weight begins with the channels of the coarser image, whichever way it goes.
    coarser, finer, height, width = shape
    share = 1.0 if name.startswith("keep") else 1 / 4
    return math.sqrt(4 / (height * width * (share * coarser + finer)))


def _widths(size: int, width: int, full_size_layer: bool) -> list[int]:
    return [width * 2**n for n in range(halvings(size) + full_size_layer)]


def _coarsest(size: int) -> int:
    """Return height and width of the coarsest layer."""
    return size >> halvings(size)

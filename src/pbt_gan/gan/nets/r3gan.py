"""R3GAN: residual nets without any normalisation, for a relativistic loss with penalties on both sides.

Source: Huang et al. 2024, arXiv:2501.05441, section 3.2 and table 2, configuration E; what the paper leaves open is as
in the authors' code, brownvc/R3GAN. Published are `width` = 768 and `z_size` = 64.

Each resolution is a stage of two residual blocks. The coarsest one, of 4 to 7 pixels, and the next three have `width`
channels, each one after them half as many as the one before. Between stages images are interpolated. At the coarsest
resolution the generator mixes a basis of maps, and the discriminator weighs what it sees by another.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.random import Generator as Random
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.drawn import NOTHING, Drawn
from pbt_gan.gan.nets.discriminator import LayeredDiscriminator
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Layout, Shape
from pbt_gan.gan.nets.net import Buffers, ImageShape, Net, Pair, Params
from pbt_gan.gan.nets.resampling import blur, grow, pool
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.sizes import coarsest, doublings

BLOCKS = 2
"""Residual blocks of a stage."""

EXPANSION = 2
"""How many times as many channels a block has inside."""

GROUP = 16
"""Channels of a group in a block's 3×3 convolution."""

SLOPE = 0.2
"""Of LeakyReLU below 0."""

GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""By which LeakyReLU divides the standard deviation."""


def stage_widths(size: int, width: int) -> list[int]:
    """Return the channels of each stage, coarsest first, for images of a size in pixels."""
    return [max(1, width >> max(0, n - 3)) for n in range(doublings(size) + 1)]


@dataclass(frozen=True)
class Generator(Net):
    """Latent numbers to images: they mix a basis of maps, then stages that double.

    The class, where one is wanted, is embedded and stands beside the latents. In training, images are whatever comes
    out, as published; where they are looked at, they are held within [-1, 1].
    """

    size: int
    channels: int
    classes: int
    width: int
    z_size: int
    layers: Layers

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        widths, side = stage_widths(self.size, self.width), coarsest(self.size)
        shapes: dict[str, Shape] = {"basis": (widths[0], side, side)}
        if self.classes:
            shapes["embed.weight"] = (self.z_size, self.classes)  # as long as the latents
        shapes["mix.weight"] = (widths[0], self.z_size * (2 if self.classes else 1))
        for n, own in enumerate(widths):
            shapes |= _transition(n, widths[max(0, n - 1)], own)
            shapes |= _stage(n, own)
        return Layout(shapes | {"image.weight": (self.channels, widths[-1], 1, 1)})

    @property
    def exact(self) -> bool:
        """As its layers are."""
        return self.layers.exact

    def initial_params(self, rng: Random) -> Tensor:
        """Draw them as `initial_params` says; each number of the basis is N(0, 1)."""
        return initial_params(self.layout, {"basis": float(coarsest(self.size))}, rng)

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
        """Return images [P, B, C, H, W] of latents [P, B, Z]."""
        layers = self.layers
        if self.classes:
            assert labels is not None
            x = torch.cat([x, torch.bmm(labels, params["embed.weight"].mT)], 2)
        (basis,) = layers.enter([params["basis"][:, None]])  # one image, the same for all
        x = basis * layers.dense(x, params["mix.weight"], None)
        for n in range(doublings(self.size) + 1):
            if n:
                # Pixels are convolved one by one, so the order makes no difference, and before there are fewer.
                x = blur(grow(_changed(layers, params, n, x)))
            x = _residual(layers, params, n, x)
        images = layers.leave(layers.convolve(x, params["image.weight"], None), self.channels)
        return images if training else images.clamp(-1, 1), buffers


@dataclass(frozen=True)
class Discriminator(LayeredDiscriminator):
    """Images to one logit each: stages that halve, then the features are weighed by a map for each channel.

    What comes of that is summed up by a linear layer; where classes are known, by one that depends on the class: the
    embedding of the class times a matrix.
    """

    size: int
    channels: int
    classes: int
    width: int
    layers: Layers

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        widths, side = stage_widths(self.size, self.width), coarsest(self.size)
        shapes: dict[str, Shape] = {"image.weight": (widths[-1], self.channels, 1, 1)}
        for n, own in reversed(list(enumerate(widths))):
            shapes |= _stage(n, own)
            shapes |= _transition(n, own, widths[max(0, n - 1)])
        shapes["basis"] = (widths[0], side, side)
        length = widths[0] if self.classes else 1  # as many as there are features
        shapes["head.weight"] = (length, widths[0])
        if self.classes:
            shapes["embed.weight"] = (length, self.classes)
        return Layout(shapes)

    def initial_params(self, rng: Random) -> Tensor:
        """Draw them as `initial_params` says; embeddings are as much shorter as they are long, on average."""
        length, _ = self.layout.shapes["head.weight"]
        return initial_params(self.layout, {"embed.weight": 1 / math.sqrt(length)}, rng)

    def logits(self, params: Params, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return logits [S, P, B] of an x of S batches, and of their labels [S, P, B, K]."""
        layers = self.layers
        x = layers.convolve(x, params["image.weight"], None)
        for n in reversed(range(doublings(self.size) + 1)):
            x = _residual(layers, params, n, x)
            if n:
                x = _changed(layers, params, n, pool(blur(x)))
        basis, head = params["basis"].flatten(2)[:, None], params["head.weight"]  # [P, 1, C, H·W]
        maps = torch.unflatten(layers.flatten(x, len(basis)), -1, basis.shape[2:])  # [S, P, B, C, H·W]
        if self.classes:
            assert labels is not None
            head = labels @ (params["embed.weight"].mT @ head)
        # Expanded first, a gradient is summed over samples and then over batches, never with members between the two.
        batches = len(maps)
        features = (maps * basis.expand(batches, *basis.shape)).sum(-1)
        logits: Tensor = (features * head.expand(batches, *head.shape[-3:])).sum(-1)
        return logits


def make_nets(shape: ImageShape, settings: NetSettings, layers: Layers) -> Pair:
    """Return both nets for images of a shape."""
    both: dict[str, Any] = {**shape._asdict(), "width": settings.width, "layers": layers}
    return Pair(Generator(z_size=settings.z_size, **both), Discriminator(**both))


def initial_params(layout: Layout, gains: Mapping[str, float], rng: Random) -> Tensor:
    """Draw a net's parameters, float32[size]: zero biases, and N(0, gain / √fan_in).

    The gain is 1 where `gains` by name say nothing else. In a block it is LeakyReLU's, divided by the fourth root of
    the number of all blocks; the last layer of each block is 0 (section 3.2; Zhang et al. 2019, arXiv:1901.09321).
    """
    blocks = sum(name.endswith("narrow.weight") for name in layout.shapes)
    parts: dict[str, Tensor] = {}
    for name, shape in layout.shapes.items():
        if name.endswith(("bias", "narrow.weight")):
            parts[name] = torch.zeros(shape)
            continue
        gain = GAIN * blocks**-0.25 if name.endswith(("widen.weight", "group.weight")) else gains.get(name, 1.0)
        deviation = gain / math.sqrt(math.prod(shape[1:]))
        parts[name] = torch.from_numpy(np.float32(deviation) * rng.standard_normal(shape, np.float32))
    return layout.flat(parts)


def _transition(n: int, ins: int, outs: int) -> Mapping[str, Shape]:
    """Return what changes the number of channels between a stage and the coarser one, if it changes."""
    return {} if ins == outs else {f"change{n}.weight": (outs, ins, 1, 1)}


def _stage(n: int, channels: int) -> Mapping[str, Shape]:
    inside = EXPANSION * channels
    group = math.gcd(GROUP, inside)  # as published where the channels can be shared out so
    return {
        f"stage{n}.block{k}.{name}": shape
        for k in range(BLOCKS)
        for name, shape in {
            "widen.weight": (inside, channels, 1, 1),
            "widen.bias": (inside,),
            "group.weight": (inside, group, 3, 3),
            "group.bias": (inside,),
            "narrow.weight": (channels, inside, 1, 1),
        }.items()
    }


def _changed(layers: Layers, params: Params, n: int, x: Tensor) -> Tensor:
    weight = params.get(f"change{n}.weight")
    return x if weight is None else layers.convolve(x, weight, None)


def _residual(layers: Layers, params: Params, n: int, x: Tensor) -> Tensor:
    for block in (f"stage{n}.block{k}" for k in range(BLOCKS)):
        y = layers.convolve(x, params[f"{block}.widen.weight"], params[f"{block}.widen.bias"])
        grouped = params[f"{block}.group.weight"]
        groups = grouped.shape[1] // grouped.shape[2]
        y = layers.convolve(F.leaky_relu_(y, SLOPE), grouped, params[f"{block}.group.bias"], groups)
        x = x + layers.convolve(F.leaky_relu_(y, SLOPE), params[f"{block}.narrow.weight"], None)
    return x

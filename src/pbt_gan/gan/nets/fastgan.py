"""FastGAN: nets for little data, by excitation across resolutions and a discriminator that has to draw what it sees.

Source: Liu et al. 2021, arXiv:2101.04775, figures 3 and 4; what the paper leaves open is as in the authors' code,
odegeasslbc/FastGAN-pytorch. Published for 256×256 pixels and more, with `width` = 64 and `z_size` = 256. Smaller
images have the same blocks, and fewer of them; docs/decisions/0047-nets-for-little-data.md says what else is different.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.random import Generator as Random
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.drawn import NOTHING, Draw, Drawn, uniforms
from pbt_gan.gan.nets.conditional import BatchNorms, norm_shapes
from pbt_gan.gan.nets.discriminator import LayeredDiscriminator
from pbt_gan.gan.nets.drawing import drawing_shapes, drawn_from, quarter
from pbt_gan.gan.nets.gates import excitation_shapes, excited, gated
from pbt_gan.gan.nets.generator import LayeredGenerator
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Layout, Shape
from pbt_gan.gan.nets.net import Answers, Buffers, ImageShape, Pair, Params
from pbt_gan.gan.nets.noise import corner, windows
from pbt_gan.gan.nets.normal import Convolution, normal, normal_shapes
from pbt_gan.gan.nets.resampling import grow, pool
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.sizes import coarsest, doublings
from pbt_gan.gan.nets.spectral import SpectralNorm
from pbt_gan.gan.shown import Shown

SLOPE = 0.2
"""Of LeakyReLU below 0."""

MULTIPLES = (16, 8, 4, 2, 2, 1, 1 / 2, 1 / 4, 1 / 8)
"""Channels of the generator as multiples of `width`, by how often the coarsest resolution was doubled."""

RECONSTRUCTION = "reconstruction_weight"
"""The scalar that weighs what the discriminator learns by drawing."""


@dataclass(frozen=True)
class Generator(LayeredGenerator):
    """Latent numbers to images: a transposed convolution, blocks that double, a convolution, tanh.

    A block is nearest neighbours at twice the size, convolution, batch norm and a gated linear unit; the first one, the
    third and so on have noise before the norm, and all but the doubling twice. What has been doubled four times is
    excited by the coarsest, what has been five times by what has been once, and so on; in images too small for that,
    the finest by the coarsest.

    Its buffers are the statistics of the batch norms.
    """

    size: int
    channels: int
    classes: int
    width: int
    z_size: int
    layers: Layers

    @cached_property
    def widths(self) -> list[int]:
        """Channels of each resolution, coarsest first."""
        return [max(1, int(MULTIPLES[n] * self.width)) for n in range(doublings(self.size) + 1)]

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        widths, side = self.widths, coarsest(self.size)
        shapes: dict[str, Shape] = {"dense.weight": (2 * widths[0] * side**2, self.z_size)}
        shapes |= norm_shapes("norm", 2 * widths[0], self.classes)
        for n in range(1, len(widths)):
            ins, outs = widths[n - 1 : n + 1]
            for layer in self._of_block(n):
                shapes[f"{layer}.weight"] = (2 * outs, ins, 3, 3)
                if n % 2:
                    shapes[f"{layer}.noise"] = (1,)
                shapes |= norm_shapes(f"{layer}.norm", 2 * outs, self.classes)
                ins = outs
            if n >= self._reach:
                shapes |= excitation_shapes(f"excite{n}", widths[n - self._reach], outs, side)
        return Layout(shapes | {"image.weight": (self.channels, widths[-1], 3, 3)})

    @cached_property
    def draws(self) -> Mapping[str, Draw]:
        """Where each layer's noise is cut; see `pbt_gan.gan.nets.noise`."""
        return {name: uniforms(2) for name in self.layout.shapes if name.endswith("noise")}

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
        layers, members = self.layers, len(x)
        norm = BatchNorms(layers, params, buffers, labels, training)
        x = layers.unflatten(layers.dense(x, params["dense.weight"], None), coarsest(self.size))
        made = [gated(layers, norm("norm", x), members)]
        for n in range(1, len(self.widths)):
            x = grow(made[-1])
            for layer in self._of_block(n):
                x = layers.convolve(x, params[f"{layer}.weight"], None)
                if n % 2:
                    place, side = drawn.get(f"{layer}.noise"), x.shape[2]
                    noise = corner(side, x) if place is None else windows(place, side)
                    noise = params[f"{layer}.noise"][..., None, None] * noise
                    x = x + layers.per_pixel(noise, 2 * self.widths[n])
                x = gated(layers, norm(f"{layer}.norm", x), members)
            made.append(excited(layers, params, f"excite{n}", made[n - self._reach], x) if n >= self._reach else x)
        images = layers.convolve(made[-1], params["image.weight"], None).tanh()
        return layers.leave(images, self.channels), norm.used

    @property
    def _reach(self) -> int:
        """How often what excites has to be doubled to be as large as what it excites."""
        return min(4, doublings(self.size))

    @staticmethod
    def _of_block(n: int) -> Sequence[str]:
        """Return the names of the convolutions of a block."""
        return [f"up{n}.1", f"up{n}.2"] if n % 2 else [f"up{n}.1"]


class Seen(NamedTuple):
    """What a discriminator sees of images."""

    images: Tensor  # as they came, an x as all of them
    finer: Tensor  # the features before the last halving
    whole: Tensor  # the coarsest features
    second: Tensor | None  # those of the second look

    def first(self, batches: int) -> "Seen":
        """Return what is seen of the first one of so many batches."""

        def one(x: Tensor) -> Tensor:
            return x[: x.shape[0] // batches]

        second = None if self.second is None else one(self.second)
        return Seen(one(self.images), one(self.finer), one(self.whole), second)


@dataclass(frozen=True)
class Discriminator(LayeredDiscriminator):
    """Images to logits, several for each image: of places of the coarsest features, and of those of a second look.

    The first look is a convolution, then blocks that halve down to 4 to 8 pixels: the mean of two convolutions, and of
    one of single pixels of what was pooled. What has been halved three times is excited by what has not been, and so
    on; in images too small for that, the coarsest by the finest. The second look, which images have that are halved
    twice or more, is at half their size and by strided convolutions alone. Each convolution but the first of a look has
    batch norm, by the statistics of the batch: real and fake images go through separately. LeakyReLU comes after.

    Its lesson is to draw reals at half their size: the whole of an image, of the coarsest features of each look, and a
    quarter, chosen by lot for each image, of that quarter of the features before the last halving. What counts is the
    mean distance of the pixels, summed over the three.
    """

    size: int
    channels: int
    classes: int
    width: int
    layers: Layers

    @cached_property
    def widths(self) -> list[int]:
        """Channels of each resolution, finest first."""
        return [max(1, 8 * self.width >> n) for n in reversed(range(self._halvings + 1))]

    @cached_property
    def second_widths(self) -> list[int]:
        """Channels of each resolution of the second look, finest first; none if there is no second look."""
        return [max(1, 4 * self.width >> n) for n in reversed(range(self._halvings - 1))]

    @cached_property
    def drawing_widths(self) -> list[int]:
        """Channels of each resolution of what draws, coarsest first."""
        return [2 * self.width, self.width, self.width, max(1, self.width // 2)][: self._halvings - 1]

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        widths, second = self.widths, self.second_widths
        shapes: dict[str, Shape] = {"first.weight": (widths[0], self.channels, 3, 3)}
        for n in range(1, len(widths)):
            ins, outs = widths[n - 1 : n + 1]
            shapes |= normal_shapes(f"down{n}.halve", outs, ins, 4)
            shapes |= normal_shapes(f"down{n}.keep", outs, outs, 3)
            shapes |= normal_shapes(f"down{n}.pooled", outs, ins, 1)
            if n >= self._reach:
                shapes |= excitation_shapes(f"excite{n}", widths[n - self._reach], outs, coarsest(self.size))
        shapes |= normal_shapes("judge.mix", 16 * self.width, widths[-1], 1)
        shapes["judge.weight"] = (1, 16 * self.width, 4, 4)
        if self.classes:
            shapes["embed.weight"] = (self.classes, widths[-1])
        drawers = {"whole": widths[-1], "quarter": widths[-2]}
        if second:
            shapes["second.weight"] = (second[0], self.channels, 4, 4)
            for n in range(1, len(second)):
                shapes |= normal_shapes(f"second{n}", second[n], second[n - 1], 4)
            shapes["judge.second.weight"] = (1, second[-1], 4, 4)
            drawers["second"] = second[-1]
        for name, ins in drawers.items():
            shapes |= drawing_shapes(f"draw.{name}", ins, self.drawing_widths, self.channels)
        return Layout(shapes)

    @property
    def draws(self) -> Mapping[str, Draw]:
        """Which quarter of an image is drawn; see `pbt_gan.gan.nets.drawing.quarter`."""
        return {"quarter": uniforms(2)}

    @property
    def lessons(self) -> Sequence[str]:
        """To draw."""
        return (RECONSTRUCTION,)

    def initial_params(self, rng: Random) -> Tensor:
        """Draw them as `initial_params` says."""
        return initial_params(self.layout, rng)

    def logits(self, params: Params, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return logits [S, P, B·n] of an x of S batches, and of their labels [S, P, B, K]."""
        return self._judged(params, self._seen(params, x), labels)

    def each(
        self, params: Params, buffers: Buffers, batches: Sequence[Shown], drawn: Drawn = NOTHING, *, training: bool
    ) -> Answers:
        """Return the logits of each batch as if it were alone, and how far off what is drawn of the first one is."""
        entered, params = self.entered(batches), self.layers.kernels(params)
        seen = [self._seen(params, x) for x, _ in entered]
        judged = [self._judged(params, own, labels) for own, (_, labels) in zip(seen, entered, strict=True)]
        logits = [of_batch for several in judged for of_batch in several]
        if not drawn:
            return Answers(logits, buffers, {})
        distance = self._distance(params, seen[0].first(len(batches) // len(entered)), drawn["quarter"])
        return Answers(logits, buffers, {RECONSTRUCTION: distance})

    def _seen(self, params: Params, x: Tensor) -> Seen:
        layers = self.layers

        def step(name: str, convolution: Convolution, x: Tensor) -> Tensor:
            return F.leaky_relu_(normal(layers, params, name, convolution, x), SLOPE)

        seen = [F.leaky_relu_(layers.convolve(x, params["first.weight"], None), SLOPE)]
        for n in range(1, len(self.widths)):
            y = step(f"down{n}.keep", layers.convolve, step(f"down{n}.halve", layers.halve, seen[-1]))
            y = (y + step(f"down{n}.pooled", layers.convolve, pool(seen[-1]))) / 2
            seen.append(excited(layers, params, f"excite{n}", seen[n - self._reach], y) if n >= self._reach else y)
        second = None
        if self.second_widths:
            second = F.leaky_relu_(layers.halve(pool(x), params["second.weight"], None), SLOPE)
            for n in range(1, len(self.second_widths)):
                second = step(f"second{n}", layers.halve, second)
        return Seen(x, seen[-2], seen[-1], second)

    def _judged(self, params: Params, seen: Seen, labels: Tensor | None) -> Tensor:
        """Return logits [S, P, B·n]."""
        layers, weight = self.layers, params["judge.weight"]
        mixed = F.leaky_relu_(normal(layers, params, "judge.mix", layers.convolve, seen.whole), SLOPE)
        places = [_where_it_fits(layers, mixed, weight)]
        if seen.second is not None:
            places.append(_where_it_fits(layers, seen.second, params["judge.second.weight"]))
        logits = torch.cat([layers.flatten(each, len(weight)) for each in places], -1)  # [S, P, B, n]
        if self.classes:
            assert labels is not None
            features = torch.unflatten(layers.flatten(seen.whole, len(weight)), -1, (self.widths[-1], -1)).sum(-1)
            logits = logits + (features * (labels @ params["embed.weight"])).sum(-1, keepdim=True)
        return logits.flatten(2)

    def _distance(self, params: Params, seen: Seen, place: Tensor) -> Tensor:
        """Return how far from a single batch of images lies what is drawn of it, [P]."""
        layers, small = self.layers, pool(seen.images)
        pairs = {
            "whole": (seen.whole, small),
            "quarter": (
                quarter(layers, seen.finer, self.widths[-2], place),
                quarter(layers, seen.images, self.channels, place),
            ),
        }
        if seen.second is not None:
            pairs["second"] = (seen.second, small)
        distances = []
        for name, (features, images) in pairs.items():
            drawing = drawn_from(layers, params, f"draw.{name}", len(self.drawing_widths), features)
            distances.append(layers.leave((drawing - images).abs(), self.channels).flatten(2).mean(2).mean(1))
        return torch.stack(distances).sum(0)

    @property
    def _halvings(self) -> int:
        """How often images are halved: down to 4 to 8 pixels, and at least once."""
        return max(1, doublings(self.size) - (coarsest(self.size) == 4))

    @property
    def _reach(self) -> int:
        """How often what excites has to be halved to be as small as what it excites."""
        return min(3, self._halvings)


def make_nets(shape: ImageShape, settings: NetSettings, layers: Layers) -> Pair:
    """Return both nets for images of a shape, all their weights under spectral norm."""
    both: dict[str, Any] = {**shape._asdict(), "width": settings.width, "layers": layers}
    generator = Generator(z_size=settings.z_size, **both)
    # A transposed convolution's weight is a matrix with a row for each of the channels that it makes.
    rows = {"dense.weight": 2 * generator.widths[0]}
    return Pair(SpectralNorm(generator, rows), SpectralNorm(Discriminator(**both)))


def initial_params(layout: Layout, rng: Random) -> Tensor:
    """Draw a net's parameters, float32[size]: weights N(0, 0.02), scales N(1, 0.02), shifts and noise 0."""
    parts: dict[str, Tensor] = {}
    for name, shape in layout.shapes.items():
        parts[name] = torch.full(shape, float(name.endswith("scale")))
        if name.endswith(("weight", "scale")):
            parts[name] += 0.02 * torch.from_numpy(rng.standard_normal(shape, np.float32))
    return layout.flat(parts)


def _where_it_fits(layers: Layers, x: Tensor, weight: Tensor) -> Tensor:
    """Convolve with a kernel of 4 × 4 at the places where all of it lies on the image."""
    # As one of 5 × 5 whose last row and column are 0.
    return layers.convolve(x, F.pad(weight, (0, 1, 0, 1)), None)[:, :, 2:-1, 2:-1]

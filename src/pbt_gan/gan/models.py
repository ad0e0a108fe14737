"""The nets: DCGAN-style generator and discriminator for any square image whose size can be halved."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.random import Generator as Random
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.flat import Layout, Shape
from pbt_gan.gan.layers import batch_norm, dense, double, halve, normalize
from pbt_gan.gan.sizes import halvings

Params = Mapping[str, Tensor]
Statistics = Mapping[str, Tensor]
"""`norm0.mean`, `norm0.variance`, …: what a generator's batch norms take away, and divide by the root of."""


@dataclass(frozen=True)
class Generator:
    """Latent numbers to images: dense, then transposed convolutions, batch norm and ReLU between, tanh at the end.

    The first batch norm acts on each feature of the dense layer, the others on channels.
    """

    size: int  # height and width of the images
    channels: int
    width: int
    z_size: int
    kernel: int
    bias_before_norm: bool
    compute: torch.dtype

    @cached_property
    def widths(self) -> list[int]:
        """Channels of each layer but the image, coarsest first."""
        return [self.width * 2**n for n in reversed(range(halvings(self.size)))]

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        side = self.size // 2 ** len(self.widths)
        features = self.widths[0] * side**2
        shapes: dict[str, Shape] = {"dense.weight": (features, self.z_size)}
        if self.bias_before_norm:
            shapes["dense.bias"] = (features,)
        shapes |= _norm_shapes(0, features)
        for n, (ins, outs) in enumerate(zip(self.widths, [*self.widths[1:], self.channels], strict=True), start=1):
            shapes[f"double{n}.weight"] = (ins, outs, self.kernel, self.kernel)
            last = n == len(self.widths)
            if last or self.bias_before_norm:
                shapes[f"double{n}.bias"] = (outs,)
            if not last:
                shapes |= _norm_shapes(n, outs)
        return Layout(shapes)

    @cached_property
    def statistics(self) -> Layout:
        """The statistics of the batch norms."""
        return Layout(
            {
                f"{name.removesuffix('.scale')}.{statistic}": shape
                for name, shape in self.layout.shapes.items()
                if name.endswith(".scale")
                for statistic in ("mean", "variance")
            }
        )

    def __call__(
        self, params: Params, z: Tensor, statistics: Statistics | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return images [B, C, H, W] in [-1, 1] of latents [B, Z], and the statistics that normalised them.

        Those are the statistics of this batch unless others are given.
        """
        used: dict[str, Tensor] = {}

        def norm(n: int, x: Tensor) -> Tensor:
            scale, shift = params[f"norm{n}.scale"], params[f"norm{n}.shift"]
            mean, variance = f"norm{n}.mean", f"norm{n}.variance"
            if statistics is None:
                x, used[mean], used[variance] = batch_norm(x, scale, shift)
                return x
            used[mean], used[variance] = statistics[mean], statistics[variance]
            return normalize(x, scale, shift, used[mean], used[variance])

        x = dense(z, params["dense.weight"], params.get("dense.bias"), self.compute)
        side = self.size // 2 ** len(self.widths)
        x = norm(0, x).view(len(z), self.widths[0], side, side)
        for n in range(1, len(self.widths) + 1):
            x = double(F.relu(x), params[f"double{n}.weight"], params.get(f"double{n}.bias"), self.compute)
            if n < len(self.widths):
                x = norm(n, x)
        return x.tanh(), used


@dataclass(frozen=True)
class Discriminator:
    """Images to one logit each: convolutions with LeakyReLU 0.2, batch norm on all but the first, then dense.

    Batch norm uses the statistics of the batch, always: real and fake images go through separately.
    """

    size: int
    channels: int
    width: int
    kernel: int
    norm: Literal["batch", "none"]
    bias_before_norm: bool
    compute: torch.dtype

    @cached_property
    def widths(self) -> list[int]:
        """Channels of each layer but the image, finest first."""
        return [self.width * 2**n for n in range(halvings(self.size))]

    @cached_property
    def layout(self) -> Layout:
        """The parameters."""
        shapes: dict[str, Shape] = {}
        for n, (ins, outs) in enumerate(zip([self.channels, *self.widths], self.widths, strict=False)):
            shapes[f"halve{n}.weight"] = (outs, ins, self.kernel, self.kernel)
            normalised = n > 0 and self.norm == "batch"
            if not normalised or self.bias_before_norm:
                shapes[f"halve{n}.bias"] = (outs,)
            if normalised:
                shapes |= _norm_shapes(n, outs)
        side = self.size // 2 ** len(self.widths)
        shapes |= {"dense.weight": (1, self.widths[-1] * side**2), "dense.bias": (1,)}
        return Layout(shapes)

    def __call__(self, params: Params, images: Tensor) -> Tensor:
        """Return logits [B] of images [B, C, H, W]; above 0: taken for real."""
        x = images
        for n in range(len(self.widths)):
            x = halve(x, params[f"halve{n}.weight"], params.get(f"halve{n}.bias"), self.compute)
            if f"norm{n}.scale" in params:
                x, _, _ = batch_norm(x, params[f"norm{n}.scale"], params[f"norm{n}.shift"])
            x = F.leaky_relu(x, 0.2)
        return dense(x.flatten(1), params["dense.weight"], params["dense.bias"], self.compute).squeeze(1)


def initial_params(layout: Layout, init: Literal["normal", "uniform"], rng: Random) -> Tensor:
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
            reach = math.sqrt(3) * _deviation(shape)
            parts[name] = torch.from_numpy(rng.uniform(-reach, reach, shape).astype(np.float32))
    return layout.flat(parts)


def _deviation(shape: Shape) -> float:
    """A convolution's weight begins with the channels of the coarser image, whichever way it goes."""
    if len(shape) == 2:
        return math.sqrt(2 / (shape[0] + shape[1]))
    coarser, finer, height, width = shape
    return math.sqrt(4 / (height * width * (coarser / 4 + finer)))


def _norm_shapes(n: int, features: int) -> dict[str, Shape]:
    return {f"norm{n}.scale": (features,), f"norm{n}.shift": (features,)}

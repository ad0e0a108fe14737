"""R3GAN as ordinary modules, written from the paper's figure 2c and section 3.2, and from nothing in this package."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64)
"""[1, 2, 1], convolved with the square that a pixel is."""


def doubled(x: Tensor) -> Tensor:
    kernel = (4 * torch.outer(KERNEL, KERNEL) / KERNEL.sum() ** 2).expand(x.shape[1], 1, 4, 4)
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


def halved(x: Tensor) -> Tensor:
    kernel = (torch.outer(KERNEL, KERNEL) / KERNEL.sum() ** 2).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


class Block(nn.Module):
    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=groups),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, channels, 1, bias=False),
        )

    def forward(self, x):
        return x + self.net(x)


def stage(channels: int, groups: int) -> nn.Module:
    return nn.Sequential(*(Block(channels, groups) for _ in range(2)))


def change(ins: int, outs: int) -> nn.Module:
    return nn.Identity() if ins == outs else nn.Conv2d(ins, outs, 1, bias=False)


class Generator(nn.Module):
    """`widths` and `cardinality` of the stages, coarsest first."""

    def __init__(
        self, z_size: int, side: int, widths: Sequence[int], cardinality: Sequence[int], channels: int, classes: int
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(classes, z_size, bias=False) if classes else None
        self.basis = nn.Parameter(torch.empty(widths[0], side, side))
        self.mix = nn.Linear(2 * z_size if classes else z_size, widths[0], bias=False)
        rows = list(zip([widths[0], *widths], widths, cardinality, strict=False))
        self.stages: Any = nn.ModuleList(
            nn.ModuleList([change(ins, outs), stage(outs, groups)]) for ins, outs, groups in rows
        )
        self.image = nn.Conv2d(widths[-1], channels, 1, bias=False)

    def forward(self, z, y=None):
        if self.embed is not None:
            z = torch.cat([z, self.embed(y)], 1)
        x = self.mix(z)[..., None, None] * self.basis
        for n, (changes, residual) in enumerate(self.stages):
            x = residual(doubled(changes(x)) if n else x)
        return self.image(x)


class Weighed(nn.Module):
    """The only place of a depthwise convolution as large as the image."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.empty(channels, side, side))

    def forward(self, x):
        return F.conv2d(x, self.basis[:, None], groups=x.shape[1]).flatten(1)


class Discriminator(nn.Module):
    """`widths` and `cardinality` of the stages, finest first."""

    def __init__(
        self, side: int, widths: Sequence[int], cardinality: Sequence[int], channels: int, classes: int
    ) -> None:
        super().__init__()
        self.image = nn.Conv2d(channels, widths[0], 1, bias=False)
        rows = list(zip(widths, [*widths[1:], widths[-1]], cardinality, strict=True))
        self.stages: Any = nn.ModuleList(
            nn.ModuleList([stage(ins, groups), change(ins, outs)]) for ins, outs, groups in rows
        )
        self.weighed = Weighed(widths[-1], side)
        self.head = nn.Linear(widths[-1], widths[-1] if classes else 1, bias=False)
        self.embed = nn.Linear(classes, widths[-1], bias=False) if classes else None

    def forward(self, x, y=None):
        x = self.image(x)
        for n, (residual, changes) in enumerate(self.stages, start=1):
            x = residual(x)
            x = changes(halved(x)) if n < len(self.stages) else x
        x = self.head(self.weighed(x))
        return x.squeeze(1) if self.embed is None else (x * self.embed(y)).sum(1)

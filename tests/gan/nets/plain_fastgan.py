"""FastGAN as ordinary modules, written from the paper's figures 3 and 4, and from nothing in this package."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Noise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, x, noise):
        return x + self.strength * noise[:, None]


class Layer(nn.Module):
    """A convolution, noise, batch norm, gated linear unit."""

    def __init__(self, ins: int, outs: int, *, noisy: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(ins, 2 * outs, 3, padding=1, bias=False)
        self.noise = Noise() if noisy else None
        self.norm = nn.BatchNorm2d(2 * outs)

    def forward(self, x, noises):
        x = self.convolution(x)
        if self.noise is not None:
            x = self.noise(x, noises.pop(0))
        return F.glu(self.norm(x), 1)


class Excitation(nn.Module):
    def __init__(self, ins: int, outs: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.squeeze = nn.Linear(ins * side**2, outs, bias=False)  # a convolution that fits once
        self.excite = nn.Conv2d(outs, outs, 1, bias=False)

    def forward(self, by, x):
        squeezed = self.squeeze(F.adaptive_avg_pool2d(by, self.side).flatten(1))
        return x * self.excite(F.silu(squeezed)[..., None, None]).sigmoid()


class Generator(nn.Module):
    """`widths` of each resolution, coarsest first; what is excited by what is `reach` doublings coarser."""

    def __init__(self, z_size: int, side: int, widths: Sequence[int], reach: int, channels: int) -> None:
        super().__init__()
        self.side, self.reach = side, reach
        self.dense = nn.Linear(z_size, 2 * widths[0] * side**2, bias=False)  # a transposed convolution of one pixel
        self.norm = nn.BatchNorm2d(2 * widths[0])
        self.blocks: Any = nn.ModuleList()
        for n, (ins, outs) in enumerate(pairwise(widths), start=1):
            layers = [Layer(ins, outs, noisy=n % 2 == 1)] + ([Layer(outs, outs, noisy=True)] if n % 2 else [])
            excitation = [Excitation(widths[n - reach], outs, side)] if n >= reach else []
            self.blocks.append(nn.ModuleList([nn.ModuleList(layers), *excitation]))
        self.image = nn.Conv2d(widths[-1], channels, 3, padding=1, bias=False)

    def forward(self, z, noises):
        left = list(noises)
        made = [F.glu(self.norm(self.dense(z).view(len(z), -1, self.side, self.side)), 1)]
        for n, (layers, *excitation) in enumerate(self.blocks, start=1):
            x = F.interpolate(made[-1], scale_factor=2)
            for layer in layers:
                x = layer(x, left)
            made.append(excitation[0](made[n - self.reach], x) if excitation else x)
        return self.image(made[-1]).tanh()


def normal(ins: int, outs: int, kernel: int) -> nn.Module:
    """Halve with a kernel of 4."""
    stride, padding = (2, 1) if kernel == 4 else (1, kernel // 2)
    convolution = nn.Conv2d(ins, outs, kernel, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outs), nn.LeakyReLU(0.2))


class Down(nn.Module):
    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(normal(ins, outs, 4), normal(outs, outs, 3))
        self.direct = nn.Sequential(nn.AvgPool2d(2), normal(ins, outs, 1))

    def forward(self, x):
        return (self.main(x) + self.direct(x)) / 2


class Decoder(nn.Module):
    def __init__(self, ins: int, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(i, o) for i, o in zip([ins, *widths], widths, strict=False))
        self.image = nn.Conv2d([ins, *widths][-1], channels, 3, padding=1, bias=False)

    def forward(self, x):
        for layer in self.layers:
            x = layer(F.interpolate(x, scale_factor=2), [])
        return self.image(x).tanh()


class Discriminator(nn.Module):
    """`widths` of each resolution of the first look and of the second one, finest first, and of the decoders."""

    def __init__(
        self,
        side: int,
        widths: Sequence[int],
        second: Sequence[int],
        decoding: Sequence[int],
        reach: int,
        wide: int,
        channels: int,
    ) -> None:
        super().__init__()
        self.reach = reach
        self.first = nn.Sequential(nn.Conv2d(channels, widths[0], 3, padding=1, bias=False), nn.LeakyReLU(0.2))
        self.blocks: Any = nn.ModuleList()
        for n, (ins, outs) in enumerate(pairwise(widths), start=1):
            excitation = [Excitation(widths[n - reach], outs, side)] if n >= reach else []
            self.blocks.append(nn.ModuleList([Down(ins, outs), *excitation]))
        self.judge = nn.Sequential(normal(widths[-1], wide, 1), nn.Conv2d(wide, 1, 4, bias=False))
        self.second = nn.Sequential()
        if second:
            self.second.append(nn.Conv2d(channels, second[0], 4, 2, 1, bias=False)).append(nn.LeakyReLU(0.2))
            self.second.extend(normal(ins, outs, 4) for ins, outs in pairwise(second))
            self.judge_second = nn.Conv2d(second[-1], 1, 4, bias=False)
        inputs = [widths[-1], widths[-2], *second[-1:]]
        self.decoders = nn.ModuleList(Decoder(ins, decoding, channels) for ins in inputs)

    def forward(self, images, upper, left):
        """Return the logits of each image, and the distance of what is drawn."""
        seen = [self.first(images)]
        for n, (block, *excitation) in enumerate(self.blocks, start=1):
            x = block(seen[-1])
            seen.append(excitation[0](seen[n - self.reach], x) if excitation else x)
        logits = [self.judge(seen[-1]).flatten(1)]
        small = F.avg_pool2d(images, 2)
        drawn = [(seen[-1], small), (quarters(seen[-2], upper, left), quarters(images, upper, left))]
        if len(self.second):
            second = self.second(small)
            logits.append(self.judge_second(second).flatten(1))
            drawn.append((second, small))
        pairs = zip(self.decoders, drawn, strict=True)
        return torch.cat(logits, 1), sum(F.l1_loss(decoder(x), target) for decoder, (x, target) in pairs)


def quarters(x: Tensor, upper: Tensor, left: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    starts = [(0 if up else half, 0 if to_left else half) for up, to_left in zip(upper, left, strict=True)]
    return torch.stack([one[:, i : i + half, j : j + half] for one, (i, j) in zip(x, starts, strict=True)])

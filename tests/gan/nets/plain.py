"""The published nets as ordinary modules, written from the papers' tables and from nothing in this package."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize


class Norm(nn.Module):
    """Batch norm with a scale and a shift, or with those of each class."""

    def __init__(self, features, classes):
        super().__init__()
        self.classes = classes
        if classes:
            self.scale, self.shift = nn.Embedding(classes, features), nn.Embedding(classes, features)
        self.plain = nn.BatchNorm2d(features, affine=not classes)

    def forward(self, x, y):
        if not self.classes:
            return self.plain(x)
        return self.scale(y)[..., None, None] * self.plain(x) + self.shift(y)[..., None, None]


class UpBlock(nn.Module):
    def __init__(self, ins, outs, classes):
        super().__init__()
        self.norm1, self.conv1 = Norm(ins, classes), nn.Conv2d(ins, outs, 3, padding=1)
        self.norm2, self.conv2 = Norm(outs, classes), nn.Conv2d(outs, outs, 3, padding=1)
        self.shortcut = nn.Conv2d(ins, outs, 1)

    def forward(self, x, y):
        h = self.conv1(F.interpolate(F.relu(self.norm1(x, y)), scale_factor=2))
        h = self.conv2(F.relu(self.norm2(h, y)))
        return h + self.shortcut(F.interpolate(x, scale_factor=2))


class ResNetGenerator(nn.Module):
    """Miyato et al. 2018, tables 4 to 6 (a): `widths` of the dense layer and of each block."""

    def __init__(self, z_size, side, widths, channels=3, classes=0):
        super().__init__()
        self.side = side
        self.dense = nn.Linear(z_size, widths[0] * side**2)
        self.blocks = nn.ModuleList(UpBlock(ins, outs, classes) for ins, outs in pairwise(widths))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.image = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z, y=None):
        x = self.dense(z).view(len(z), -1, self.side, self.side)
        for block in self.blocks:
            x = block(x, y)
        return self.image(F.relu(self.norm(x))).tanh()


class DownBlock(nn.Module):
    def __init__(self, ins, outs, *, first=False, halves):
        super().__init__()
        between = outs if first else ins
        self.first, self.halves = first, halves
        self.conv1 = nn.Conv2d(ins, between, 3, padding=1)
        self.conv2 = nn.Conv2d(between, outs, 3, padding=1)
        self.shortcut = nn.Conv2d(ins, outs, 1) if halves or ins != outs else nn.Identity()

    def forward(self, x):
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        x = self.shortcut(x)
        return F.avg_pool2d(h, 2) + F.avg_pool2d(x, 2) if self.halves else h + x


class Head(nn.Module):
    """A dense layer, and the projection of Miyato and Koyama 2018, eq. 3, where there are classes."""

    def __init__(self, features, classes):
        super().__init__()
        self.dense = nn.Linear(features, 1)
        self.embed = nn.Embedding(classes, features) if classes else None

    def forward(self, h, y):
        logits = self.dense(h).squeeze(1)
        return logits if self.embed is None else logits + torch.linalg.vecdot(self.embed(y), h)


class ResNetDiscriminator(nn.Module):
    """Miyato et al. 2018, tables 4 to 6 (b); with `mean`, Gulrajani et al. 2017, appendix F."""

    def __init__(self, widths, halving, channels=3, classes=0, *, mean=False):
        super().__init__()
        self.mean = mean
        ins = [channels, *widths[:-1]]
        self.blocks = nn.Sequential(
            *(
                DownBlock(i, o, first=n == 0, halves=n < halving)
                for n, (i, o) in enumerate(zip(ins, widths, strict=True))
            )
        )
        self.head = Head(widths[-1], classes)

    def forward(self, x, y=None):
        h = F.relu(self.blocks(x))
        return self.head(h.mean((2, 3)) if self.mean else h.sum((2, 3)), y)


class CnnGenerator(nn.Module):
    """Miyato et al. 2018, table 3 (a), and batch norm on the dense layer."""

    def __init__(self, z_size, side, width, channels=3):
        super().__init__()
        wide = 8 * width
        self.net = nn.Sequential(
            nn.Linear(z_size, wide * side**2),
            nn.BatchNorm1d(wide * side**2),
            nn.ReLU(),
            nn.Unflatten(1, (wide, side, side)),
            *(self.doubling(wide // 2**n) for n in range(3)),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Tanh(),
        )

    @staticmethod
    def doubling(ins):
        norm = nn.BatchNorm2d(ins // 2)
        return nn.Sequential(nn.ConvTranspose2d(ins, ins // 2, 4, stride=2, padding=1), norm, nn.ReLU())

    def forward(self, z):
        return self.net(z)


class CnnDiscriminator(nn.Module):
    """Miyato et al. 2018, table 3 (b)."""

    def __init__(self, side, width, channels=3, classes=0):
        super().__init__()
        w = width
        rows = [(3, channels, w), (4, w, w), (3, w, 2 * w), (4, 2 * w, 2 * w), (3, 2 * w, 4 * w), (4, 4 * w, 4 * w)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(ins, outs, kernel, stride=1 if kernel == 3 else 2, padding=1)
            for kernel, ins, outs in [*rows, (3, 4 * w, 8 * w)]
        )
        self.head = Head(8 * w * side**2, classes)

    def forward(self, x, y=None):
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), 0.1)
        return self.head(x.flatten(1), y)


class Divided(nn.Module):
    """Weights divided by their largest singular value, which torch works out exactly."""

    def forward(self, weight):
        return weight / torch.linalg.matrix_norm(weight.flatten(1), 2)


def spectral(module):
    """Divide all its weights so."""
    for part in list(module.modules()):
        if isinstance(part, nn.Conv2d | nn.Linear | nn.Embedding):
            parametrize.register_parametrization(part, "weight", Divided())
    return module

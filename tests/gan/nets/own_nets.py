"""Nets as people write them, some with a slip."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class Generator(nn.Module):
    def __init__(self, size, channels, z_size, width=4):
        super().__init__()
        self.dense = nn.Linear(z_size, width * (size // 2) ** 2)
        self.layers = nn.Sequential(
            nn.Unflatten(1, (width, size // 2, size // 2)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.layers(self.dense(z))


class Discriminator(nn.Module):
    """Its weights are divided as torch does it, which cannot be stacked."""

    def __init__(self, size, channels, width=4):
        super().__init__()
        self.conv: nn.Module = spectral_norm(nn.Conv2d(channels, width, 4, 2, 1))
        self.head = nn.Linear(width * (size // 2) ** 2, 1)

    def forward(self, images):
        return self.head(nn.functional.leaky_relu(self.conv(images), 0.2).flatten(1))


class Normed(Discriminator):
    def __init__(self, size, channels, width=4):
        super().__init__(size, channels, width)
        self.conv = nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1), nn.BatchNorm2d(width))


def plain_discriminator(size, channels):
    return nn.Sequential(nn.Conv2d(channels, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(size**2, 1))


class Labelled(nn.Module):
    def __init__(self, size, channels, z_size, classes):
        super().__init__()
        self.shape = channels, size, size
        self.embedding = nn.Embedding(classes, z_size)
        self.dense = nn.Linear(z_size, channels * size**2)

    def forward(self, z, labels):
        return self.dense(z * self.embedding(labels)).tanh().unflatten(1, self.shape)


class Odd(nn.Module):
    """Has a mask, a parameter that stays as it is, and a buffer that is put in the place of another."""

    def __init__(self, size, channels):
        super().__init__()
        self.head = nn.Linear(channels * size**2, 1)
        self.scale = nn.Parameter(torch.tensor(2.0), requires_grad=False)
        self.mask: torch.Tensor
        self.calls: torch.Tensor
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, images):
        if self.training:
            self.calls = self.calls + 1
        weights = self.mask.softmax(0)
        return self.head(images.flatten(1)) * self.scale * weights[0]


class Dropping(Generator):
    def forward(self, z):
        return nn.functional.dropout(super().forward(z), 0.5, self.training)


class Dropped(nn.Sequential):
    def __init__(self, size, channels):
        super().__init__(nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels * size**2, 1))


class Noisy(Generator):
    def forward(self, z):
        return super().forward(z) + float(np.random.normal())


class Larger(Generator):
    def __init__(self, size, channels, z_size):
        super().__init__(2 * size, channels, z_size)


class InPlace(nn.Sequential):
    def __init__(self, size, channels):
        super().__init__(nn.LeakyReLU(0.2, inplace=True), nn.Flatten(), nn.Linear(channels * size**2, 1))


class Twice(Generator):
    def forward(self, z):
        return super().forward(z), z


class Patches(nn.Sequential):
    def __init__(self, channels):
        super().__init__(nn.Conv2d(channels, 1, 4, 2, 1))


class Listed(nn.Module):
    def __init__(self, z_size):
        super().__init__()
        self.layers = [nn.Linear(z_size, 1)]

    def forward(self, z):
        return self.layers[0](z)


class Unknown(Generator):
    def __init__(self, size, channels, z_size, depth):
        super().__init__(size, channels, z_size)


class Wide(Generator):
    def __init__(self, size, channels, z_size, width):
        super().__init__(size, channels, z_size, width)


class Raising(nn.Module):
    def __init__(self):
        super().__init__()
        self.depth = 1 / 0


class Stumbling(Generator):
    def forward(self, z):
        return self.dense(z, 3)


class Lazy(nn.Sequential):
    def __init__(self):
        super().__init__(nn.LazyLinear(1))


def nothing():
    return None


number = 3


class Clashing(nn.Module):
    def __init__(self, size, channels, z_size):
        super().__init__()
        self.sample = nn.Linear(z_size, channels * size**2)
        self.shape = channels, size, size

    def forward(self, z):
        return self.sample(z).tanh().unflatten(1, self.shape)

"""What a net is: a function of tensors that are kept elsewhere."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from numpy.random import Generator as Random
from torch import Tensor

from pbt_gan.gan.nets.layout import Layout

Params = Mapping[str, Tensor]
"""The parameters of a group of P members by name, each [P, …]."""

Buffers = Mapping[str, Tensor]
"""What a net keeps beside its parameters and no gradient moves, by name, each [P, …]: statistics of batch norm, say."""


class ImageShape(NamedTuple):
    """Of what a generator makes and a discriminator sees."""

    size: int  # height and width in pixels
    channels: int


class Net(ABC):
    """A generator or a discriminator of P members, who never meet: latents to images, or images to logits."""

    buffers_share: ClassVar[float] = 0.1
    """How much the buffers of the latest batch count in those that are kept; 1: they take their place."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """The parameters."""

    @property
    def buffers(self) -> Layout:
        """The buffers."""
        return Layout({})

    @property
    @abstractmethod
    def exact(self) -> bool:
        """Whether the bits of a member on a CPU do not depend on how many are in its group."""

    @abstractmethod
    def initial_params(self, rng: Random) -> Tensor:
        """Draw the parameters of one member, float32[N]."""

    def initial_buffers(self) -> Tensor:
        """Return the buffers of one member before any training, float32[S]."""
        return torch.empty(0)

    @abstractmethod
    def __call__(
        self, params: Params, buffers: Buffers, x: Tensor, labels: Tensor | None = None, *, training: bool
    ) -> tuple[Tensor, Buffers]:
        """Return images [P, B, C, H, W] in [-1, 1] of latents [P, B, Z], or logits [P, B] of images.

        Nothing is changed in place.

        Args:
            params: the parameters.
            buffers: as they are kept.
            x: latents or images.
            labels: int64[P, B], the classes that are wanted or shown; None: none are known.
            training: whether the buffers are made anew of this batch, and returned; else those given are used.
        """

    def each(
        self, params: Params, buffers: Buffers, batches: Sequence[Tensor], *, training: bool
    ) -> tuple[Sequence[Tensor], Buffers]:
        """Return what becomes of each batch as if it were alone, and the buffers after the last."""
        made = []
        for batch in batches:
            y, buffers = self(params, buffers, batch, training=training)
            made.append(y)
        return made, buffers


class Pair(NamedTuple):
    """The two nets of a member."""

    generator: Net
    discriminator: Net

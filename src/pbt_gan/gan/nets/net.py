"""What a net is: a function of tensors that are kept elsewhere."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from numpy.random import Generator as Random
from torch import Tensor

from pbt_gan.gan.drawn import NOTHING, Draw, Drawn
from pbt_gan.gan.nets.layout import Layout
from pbt_gan.gan.shown import Shown

Params = Mapping[str, Tensor]
"""The parameters of a group of P members by name, each [P, …]."""

Buffers = Mapping[str, Tensor]
"""What a net keeps beside its parameters and no gradient moves, by name, each [P, …]: statistics of batch norm, say."""


class ImageShape(NamedTuple):
    """Of what a generator makes and a discriminator sees."""

    size: int  # height and width in pixels
    channels: int
    classes: int = 0  # that the nets tell apart; 0: they know of none


class Answers(NamedTuple):
    """What discriminators say of batches."""

    logits: Sequence[Tensor]  # of each batch, [P, B]; or several of each image, [P, n·B]
    buffers: Buffers
    lessons: Mapping[
        str, Tensor
    ]  # what else the first batch teaches, to be minimised: [P] by the scalar that weighs it


class Net(ABC):
    """A generator or a discriminator of P members, who never meet: latents to images, or images to logits."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """The parameters."""

    @property
    def buffers(self) -> Layout:
        """The buffers."""
        return Layout({})

    @property
    def draws(self) -> Mapping[str, Draw]:
        """What is to be drawn in training for each image that a generator makes, or that a lesson is taken from."""
        return {}

    @property
    def lessons(self) -> Sequence[str]:
        """The scalars that weigh what a discriminator learns from reals besides telling them from fakes."""
        return ()

    @property
    @abstractmethod
    def exact(self) -> bool:
        """Whether the bits of a member on a CPU do not depend on how many are in its group."""

    @property
    def mixes(self) -> bool:
        """Whether what comes of an image is known to depend on the others of its batch, whatever the settings are."""
        return False

    @abstractmethod
    def initial_params(self, rng: Random) -> Tensor:
        """Draw the parameters of one member, float32[N]."""

    def initial_buffers(self) -> Tensor:
        """Return the buffers of one member before any training, float32[S]."""
        return torch.empty(0)

    def share(self, buffer: str) -> float:
        """Return how much a buffer of the latest batch counts in the one that is kept; 1: it takes its place."""
        return 0.1

    @abstractmethod
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
        """Return images [P, B, C, H, W] in [-1, 1] of latents [P, B, Z], or logits [P, B] of images.

        Nothing is changed in place.

        Args:
            params: the parameters.
            buffers: as they are kept.
            x: latents or images.
            labels: the classes that are wanted or shown, a 1 at each one's place [P, B, K]; None: none are known.
            drawn: by the names of `draws`; empty where images are made to be looked at or measured, which something
                fixed then does for.
            training: whether the buffers are made anew of this batch, and returned; else those given are used.
        """

    def each(
        self, params: Params, buffers: Buffers, batches: Sequence[Shown], drawn: Drawn = NOTHING, *, training: bool
    ) -> Answers:
        """Return what becomes of each batch as if it were alone, and the buffers after the last.

        Args:
            params: the parameters.
            buffers: as they are kept.
            batches: images and their labels.
            drawn: by the names of `draws`, for the first batch, which is of reals then: its lessons are wanted too.
            training: as above.
        """
        made = []
        for batch in batches:
            logits, buffers = self(params, buffers, batch.images, batch.labels, training=training)
            made.append(logits)
        return Answers(made, buffers, {})


class Pair(NamedTuple):
    """The two nets of a member."""

    generator: Net
    discriminator: Net

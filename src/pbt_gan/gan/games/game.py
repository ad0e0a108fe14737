"""What a game is: what the two nets of each member minimise, and what has to be drawn and shown for it.

The modules that the tables name are imported to learn what a game reads, long before anything is trained. So they
import torch where they compute, not at their top.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Hyper = Mapping[str, "Tensor"]
"""The scalars of P members by name, each [P, 1]. What a loss does not ask for here counts as not used."""

Drawn = Mapping[str, "Tensor"]
"""What was drawn by the names under which it was declared, each [P, B, …]."""

Critic = Callable[["Tensor"], "Tensor"]
"""The discriminator: images [P, B, C, H, W] to logits [P, B]."""

Draw = Callable[[Random, tuple[int, ...]], NDArray[np.float32]]
"""Draws one number, or more along further axes, for each place of a shape."""


def uniform(rng: Random, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw from [0, 1)."""
    return rng.random(shape, np.float32)


@dataclass(frozen=True)
class Loss:
    """Both sides of a game, each a mean over a member's batch, [P].

    Logits are [P, B], above 0: taken for real.
    """

    critic: Callable[["Tensor", "Tensor", Hyper], "Tensor"]  # of the logits of reals and of fakes
    generator: Callable[["Tensor", "Tensor | None", Hyper], "Tensor"]  # of the logits of fakes, and of reals if `pairs`
    reads: tuple[str, ...] = ()  # the scalars that it asks for
    pairs: bool = False  # the generator's side sees reals too, drawn for it anew


@dataclass(frozen=True)
class Penalty:
    """What the discriminator minimises besides, [P], weighted by a scalar."""

    name: str  # under which it is logged
    value: Callable[[Critic, "Tensor", "Tensor", Drawn], "Tensor"]  # of the discriminator, reals, fakes, what is drawn
    weight: str = "gp_weight"  # the scalar
    draws: Mapping[str, Draw] = field(default_factory=dict)  # for each image of an update of the discriminator
    each_image: bool = False  # only right if the logit of an image depends on that image alone


@dataclass(frozen=True)
class Augmentation:
    """What is done to reals and fakes alike before the discriminator sees them; differentiable."""

    apply: Callable[["Tensor", Drawn], "Tensor"]  # images [P, B, C, H, W] to as many
    draws: Mapping[str, Draw] = field(default_factory=dict)  # for each image that is shown


@dataclass(frozen=True)
class Game:
    """A loss with what is added to it."""

    loss: Loss
    penalties: tuple[Penalty, ...] = ()
    augmentation: Augmentation = Augmentation(lambda images, drawn: images)

    @property
    def reads(self) -> tuple[str, ...]:
        """The scalars that have an effect in this game, beside those of the optimisers."""
        return (*self.loss.reads, *(penalty.weight for penalty in self.penalties))

    @property
    def draws(self) -> Mapping[str, Draw]:
        """What the penalties draw for each image of an update of the discriminator."""
        return {name: draw for penalty in self.penalties for name, draw in penalty.draws.items()}

    @property
    def each_image(self) -> bool:
        """Whether a logit may depend on its own image only, which batch norm in the discriminator does not grant."""
        return any(penalty.each_image for penalty in self.penalties)

"""How a scorer is made, as far as nothing has to be loaded to know it."""

from collections.abc import Mapping
from typing import NamedTuple

from pbt_gan.gan.scores.naming import Role
from pbt_gan.gan.settings import TRAINED, Rung

STEPS = 1_000
"""How long a scorer is trained at the start of a run, in batches: 10 to 40 seconds on one core."""


class Recipe(NamedTuple):
    """What sets one scorer apart from the other."""

    width: int
    seed: int


RECIPES: Mapping[Role, Recipe] = {"select": Recipe(width=16, seed=1), "held-out": Recipe(width=24, seed=2)}
"""By role; `FOLDER/ROLE.safetensors` holds what became of it. A published network has no width, and of the seed only
which images are held back."""


class Effort(NamedTuple):
    """How much goes into a scorer."""

    steps: int  # of training
    reals: int | None  # real images that it looks at for its reference, evenly spread; None: all
    examined: int  # unseen images, at most, each of which it sees once as it is and in two dozen corruptions


def whole_effort(rung: Rung) -> Effort:
    """Return what is spent for a run: published networks are slow, about a hundred images a second on one core."""
    return Effort(STEPS, reals=None, examined=500) if rung in TRAINED else Effort(0, reals=5_000, examined=100)

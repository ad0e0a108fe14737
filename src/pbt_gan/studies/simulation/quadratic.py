"""The toy of the paper as a landscape, and one whose best rate moves while training goes on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator

from pbt_gan.core.population import Hyperparams
from pbt_gan.studies.simulation.landscape import Measured
from pbt_gan.toy.quadratic import Quadratic

Theta = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Toy:
    """Q = 1.2 - (θ0² + θ1²), climbed along Q̂ = 1.2 - (h0 θ0² + h1 θ1²), whose steps have a closed form.

    Source: Jaderberg et al. 2017, arXiv:1711.09846, section 3.3 and figure 2.
    """

    name: str = "toy"
    hyperparams: Sequence[str] = ("h0", "h1")

    def begin(self, rng: Generator) -> Theta:
        """Return the paper's start."""
        return Quadratic.start

    def trained(self, state: Theta, hyperparams: Hyperparams, steps: int, rng: Generator) -> Theta:
        """Return θ after some steps: each multiplies it by 1 - 2 · rate · h."""
        first, second = (
            theta * (1 - 2 * Quadratic.rate * float(hyperparams[name])) ** steps
            for theta, name in zip(state, self.hyperparams, strict=True)
        )
        return first, second

    def measured(self, state: Theta, rng: Generator) -> Measured:
        """Return Q. Nothing is uncertain."""
        score = 1.2 - (state[0] ** 2 + state[1] ** 2)
        return Measured(score, score, score)


@dataclass(frozen=True, slots=True)
class Drifting:
    """A noisy quadratic in one rate, whose best value falls as training goes on.

    The distance to the optimum shrinks by `speed` a step at the best rate, and by less on either side of it: by a
    factor that is quadratic in the decades between. Beyond `width` it grows instead, as of a rate that is too high.
    """

    name: str = "drifting"
    hyperparams: Sequence[str] = ("lr",)
    first: float = -1.0  # log10 of the best rate at the beginning
    last: float = -4.0  # and after `steps`
    steps: int = 2_000
    speed: float = 2e-3
    width: float = 1.0  # decades
    noise: float = 0.05  # standard deviation of a measurement

    def begin(self, rng: Generator) -> tuple[float, int]:
        """Return the distance to the optimum, and the age."""
        return 1.0, 0

    def trained(
        self, state: tuple[float, int], hyperparams: Hyperparams, steps: int, rng: Generator
    ) -> tuple[float, int]:
        """Return the distance after some steps."""
        distance, age = state
        middle = min((age + steps / 2) / self.steps, 1.0)
        best = self.first + (self.last - self.first) * middle
        off = (math.log10(float(hyperparams["lr"])) - best) / self.width
        return min(distance * math.exp(-self.speed * steps * max(1 - off**2, -1.0)), 2.0), age + steps

    def measured(self, state: tuple[float, int], rng: Generator) -> Measured:
        """Return 1 less the distance."""
        value = 1 - state[0]
        first, second = (value + self.noise * float(draw) for draw in rng.standard_normal(2))
        return Measured(first, second, value, self.noise)

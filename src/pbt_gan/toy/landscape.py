"""Two parameters on a landscape: trained on a surrogate that the hyperparameters shape, scored on the truth."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pbt_gan.core.population import Hyperparams
from pbt_gan.interfaces import Streams, Task, Training, Tree

Theta = NDArray[np.float64]
"""float64[2, ...]: one point, or a grid of them."""


class Landscape(Task):
    """A task whose members climb a surrogate of what they are scored by; the state is `{"theta": float64[2]}`."""

    start: ClassVar[tuple[float, float]]
    """Where every member begins."""
    fixed: ClassVar[Hyperparams]
    """The values of hyperparameters that are not evolved."""
    rate: ClassVar[float]
    """Step size of the gradient ascent."""

    @abstractmethod
    def objective(self, theta: Theta) -> Theta:
        """Return what is to be maximised, float64[...] for points float64[2, ...]."""

    @abstractmethod
    def surrogate(self, theta: Theta, hyperparams: Hyperparams) -> tuple[float, Theta]:
        """Return what training climbs at a point, and its gradient, float64[2]."""

    def init(self, rng: Generator) -> Tree:
        """Return the start, the same for everybody."""
        return {"theta": np.array(self.start)}

    def train(self, state: Tree, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Climb the surrogate; the metrics say where that led, and `loss` is the negated surrogate there."""
        theta, values = state["theta"], {**self.fixed, **hyperparams}
        for _ in range(steps):
            theta = theta + self.rate * self.surrogate(theta, values)[1]
        value, _ = self.surrogate(theta, values)
        metrics = {"loss": -value, "theta_0": float(theta[0]), "theta_1": float(theta[1])}
        return Training({"theta": theta}, dict(hyperparams), metrics)

    def score(self, state: Tree, rng: Generator) -> dict[str, Any]:
        """Measure the objective itself."""
        return {"score": float(self.objective(state["theta"]))}

"""The toy of the paper, figure 2."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pbt_gan.core.population import Hyperparams
from pbt_gan.core.space import Domain, Float, Range
from pbt_gan.toy.landscape import Landscape, Theta


class Quadratic(Landscape):
    """Maximise Q = 1.2 - (θ0² + θ1²) by following Q̂ = 1.2 - (h0 θ0² + h1 θ1²), which is Q only for h = (1, 1).

    Source: Jaderberg et al. 2017, arXiv:1711.09846, section 3.3 and figure 2.
    """

    start: ClassVar[tuple[float, float]] = (0.9, 0.9)
    fixed: ClassVar[Hyperparams] = {"h0": 1.0, "h1": 1.0}
    rate: ClassVar[float] = 0.01

    @property
    def space(self) -> Mapping[str, Domain]:
        """The weights of the surrogate's two terms."""
        return {"h0": Float(Range(0, 1), (0, 1)), "h1": Float(Range(0, 1), (0, 1))}

    def objective(self, theta: Theta) -> Theta:
        """Return Q, which is at most 1.2."""
        return np.asarray(1.2 - (theta**2).sum(axis=0))

    def surrogate(self, theta: Theta, hyperparams: Hyperparams) -> tuple[float, Theta]:
        """Return Q̂ and its gradient."""
        h = np.array([hyperparams["h0"], hyperparams["h1"]])
        return float(1.2 - (h * theta**2).sum()), -2 * h * theta

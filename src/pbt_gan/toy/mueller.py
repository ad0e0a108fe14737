"""The Mueller potential, a landscape with three valleys."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pbt_gan.core.population import Hyperparams
from pbt_gan.core.space import Domain, Float, Range
from pbt_gan.toy.landscape import Landscape, Theta

# V(x, y) = Σ height · exp(xx (x - x0)² + xy (x - x0)(y - y0) + yy (y - y0)²)
_HEIGHT = np.array([-200.0, -100.0, -170.0, 15.0])
_XX = np.array([-1.0, -1.0, -6.5, 0.7])
_XY = np.array([0.0, 0.0, 11.0, 0.6])
_YY = np.array([-10.0, -10.0, -6.5, 0.7])
_X0 = np.array([1.0, 0.0, -0.5, -1.0])
_Y0 = np.array([0.0, 0.5, 1.5, 1.0])

_TERMS = ("h_x", "h_y", "h_xx", "h_xy", "h_yy")


class Mueller(Landscape):
    """Find the lowest of three valleys by following a polynomial of second order whose coefficients are evolved.

    The score is -V, at most 146.7. No fixed polynomial looks like V in more than one place, so there is none to be
    found by grid search. Far outside of the valleys V overflows and a member counts as diverged.

    Source: the potential, Müller and Brown 1979, doi:10.1007/BF00547608; the surrogate, the companion repository
    of the seed project, github.com/angusfung/population-based-training.
    """

    start: ClassVar[tuple[float, float]] = (1.0, 1.5)
    rate: ClassVar[float] = 0.002

    @property
    def space(self) -> Mapping[str, Domain]:
        """The coefficients of the surrogate."""
        return {name: Float(Range(-50, 50), (-50, 50)) for name in _TERMS}

    def objective(self, theta: Theta) -> Theta:
        """Return -V."""
        x, y = (theta[axis][..., None] for axis in range(2))
        x, y = x - _X0, y - _Y0
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(-(_HEIGHT * np.exp(_XX * x**2 + _XY * x * y + _YY * y**2)).sum(axis=-1))

    def surrogate(self, theta: Theta, hyperparams: Hyperparams) -> tuple[float, Theta]:
        """Return the polynomial and its gradient."""
        x, y = (float(value) for value in theta)
        h_x, h_y, h_xx, h_xy, h_yy = (float(hyperparams[name]) for name in _TERMS)
        value = h_x * x + h_y * y + h_xx * x * x + h_xy * x * y + h_yy * y * y
        return value, np.array([h_x + 2 * h_xx * x + h_xy * y, h_y + h_xy * x + 2 * h_yy * y])

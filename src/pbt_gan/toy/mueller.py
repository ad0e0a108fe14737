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

_SLOPES = ("h_x", "h_y")
_CURVATURES = ("h_xx", "h_yy")


class Mueller(Landscape):
    """Find the lowest of three valleys by following a parabola in each parameter whose coefficients are evolved.

    The score is -V, at most 146.7. No parabola looks like V in more than one place, and a small population mostly ends
    in the second lowest valley, at 108.2, which lies nearer to the start. Far outside of the valleys V overflows and
    a member counts as diverged.

    Source: the potential, Müller and Brown 1979, doi:10.1007/BF00547608; the surrogate, the companion repository
    of the seed project, github.com/angusfung/population-based-training.
    """

    start: ClassVar[tuple[float, float]] = (1.0, 1.5)
    fixed: ClassVar[Hyperparams] = dict.fromkeys((*_SLOPES, *_CURVATURES), 0.0)
    rate: ClassVar[float] = 0.001

    @property
    def space(self) -> Mapping[str, Domain]:
        """The coefficients of the surrogate."""
        slopes = {name: Float(Range(-50, 50), (-50, 50)) for name in _SLOPES}
        return slopes | {name: Float(Range(-25, 0), (-25, 0)) for name in _CURVATURES}

    def objective(self, theta: Theta) -> Theta:
        """Return -V."""
        x, y = (theta[axis][..., None] for axis in range(2))
        x, y = x - _X0, y - _Y0
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(-(_HEIGHT * np.exp(_XX * x**2 + _XY * x * y + _YY * y**2)).sum(axis=-1))

    def surrogate(self, theta: Theta, hyperparams: Hyperparams) -> tuple[float, Theta]:
        """Return the polynomial and its gradient."""
        slope, curvature = (np.array([hyperparams[name] for name in names]) for names in (_SLOPES, _CURVATURES))
        return float((slope * theta + curvature * theta**2).sum()), slope + 2 * curvature * theta

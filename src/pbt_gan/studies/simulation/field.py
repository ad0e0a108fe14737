"""A smooth function learned from scattered measurements, in a fraction of a second, and evaluated in microseconds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_JITTER = 1e-6


@dataclass(frozen=True)
class Field:
    """Sums of Gaussian bumps around some points; far from all of them it is 0.

    Source: Gaussian process regression on a subset of regressors, Rasmussen and Williams 2006, Gaussian Processes for
    Machine Learning, section 8.3.1.
    """

    lengths: Numbers  # float64[d]: the distance in each input over which it can change
    centres: Numbers  # float64[m, d], in units of the lengths
    coefficients: Numbers  # float64[m, k]

    @classmethod
    def around(cls, inputs: Numbers, lengths: Numbers, most: int) -> "Field":
        """Return a field that is 0 everywhere, with its bumps spread out over some inputs, float64[n, d]."""
        centres = _spread_out(inputs / lengths, min(most, len(inputs)))
        return cls(lengths, centres, np.zeros((len(centres), 0)))

    def bumps(self, inputs: Numbers) -> Numbers:
        """Return float64[..., m] for inputs float64[..., d]."""
        scaled = inputs / self.lengths
        own = (scaled * scaled).sum(axis=-1, keepdims=True)
        found: Numbers = np.exp(scaled @ self.centres.T - 0.5 * (own + self._squares))
        return found

    def __call__(self, inputs: Numbers) -> Numbers:
        """Return float64[..., k] for inputs float64[..., d]."""
        return self.bumps(inputs) @ self.coefficients

    def fitted(self, bumps: Numbers, targets: Numbers, information: Numbers, height: float) -> Numbers:
        """Return coefficients with which the field passes near some measurements, float64[m].

        Args:
            bumps: at their inputs, float64[n, m].
            targets: float64[n].
            information: float64[n], one divided by the variance of each.
            height: how large the field is expected to be; where little is known it is smaller.
        """
        weighted = bumps.T * information
        own = self.bumps(self.centres * self.lengths) + _JITTER * np.eye(len(self.centres))
        return np.asarray(np.linalg.solve(weighted @ bumps + own / height**2, weighted @ targets), np.float64)

    @cached_property
    def _squares(self) -> Numbers:
        found: Numbers = (self.centres**2).sum(axis=1)
        return found


def _spread_out(points: Numbers, count: int) -> Numbers:
    """Return points of which each was the farthest from those before it.

    Source: Gonzalez 1985, Clustering to minimize the maximum intercluster distance.
    """
    chosen, apart = [0], np.full(len(points), np.inf)
    while len(chosen) < count:
        apart = np.minimum(apart, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(apart.argmax()))
    found: Numbers = points[chosen]
    return found

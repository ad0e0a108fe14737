"""A Gaussian process over settings that forgets with time, and learns how much of what it sees is noise.

    k(a, b) = variance · ((1 - noise) · s(a, b) · (1 - drift)^(|time of a - time of b| / 2) + noise · [a is b])

where s is the squared exponential of the distance of two settings in [0, 1]^D. With choices among the hyperparameters,
h being the share of those on which two settings agree, s is half the mean of both and half their product, so that what
was seen under one choice says something about another.

Sources: Rasmussen and Williams 2006, algorithm 2.1 (posterior, likelihood); Bogunovic et al. 2016, arXiv:1601.06650
(time); Parker-Holder et al. 2020, arXiv:2002.02518, section 4 (both for PBT); Ru et al. 2020, arXiv:1906.08878,
equation 4 (choices). Other than there, the noise is learned with the rest, and weighs on it a prior that expects much.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

ROWS = 200
"""With more rows than this it takes longer than a decision may: all that is done here is cubic in them."""

SHAPED_BY = 100
"""Rows by which a shape is judged, evenly spread among all: a few numbers need no more, and there is a grid of them."""

LENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)
DRIFTS = (0.03, 0.1, 0.2, 0.3)
NOISES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98)
"""What is tried: a grid cannot run away as a climb on few rows does, and has no start that would decide its end.

No noise of 0: of two equal settings with unequal scores the model would be impossible, and its matrix singular. No
drift of 0: rows lie where the best was, so they long agree with a best that has moved on since.
"""

MIX = 0.5
"""How much of the kernel with choices is their product; in between of the two, as the source suggests."""

_BELIEF = 4.0
"""How many rows the belief in a variance of 1 weighs: the targets are standardised."""


@dataclass(frozen=True)
class Points:
    """Settings at times.

    Args:
        units: numbers, each in [0, 1] of its domain, float64[N, D].
        codes: choices, each by its place among the values of its domain, int64[N, C].
        times: of each, float64[N]; in whatever unit, such as ready intervals.
    """

    units: Floats
    codes: Codes
    times: Floats

    def __len__(self) -> int:
        return len(self.times)

    def __add__(self, other: "Points") -> "Points":
        return Points(
            np.concatenate([self.units, other.units]),
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.times, other.times]),
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """What is learned of a kernel."""

    length: float  # of the squared exponential, in units
    drift: float  # what a unit of time takes off, as a share; 0: nothing is ever forgotten
    noise: float  # share of the variance that is noise, in (0, 1)
    variance: float = 1.0  # of the targets, signal and noise together


@dataclass(frozen=True)
class Distances:
    """How far apart points are, which no shape changes."""

    squares: Floats  # of the numbers' distances, [N, M]
    agreement: Floats | None  # share of the choices that agree, [N, M]; None: there are none
    times: Floats  # apart, [N, M]

    @classmethod
    def between(cls, rows: Points, columns: Points) -> "Distances":
        """Measure them."""
        steps = rows.units[:, None, :] - columns.units[None, :, :]
        agree = (rows.codes[:, None, :] == columns.codes[None, :, :]).mean(axis=2) if rows.codes.shape[1] else None
        return cls((steps**2).sum(axis=2), agree, np.abs(rows.times[:, None] - columns.times[None, :]))

    def correlation(self, shape: Shape) -> Floats:
        """Return how alike what happens at the points is, noise apart, in [0, 1]."""
        alike: Floats = np.exp(-self.squares / (2 * shape.length**2))
        if self.agreement is not None:
            alike = (1 - MIX) * (alike + self.agreement) / 2 + MIX * alike * self.agreement
        forgotten: Floats = (1 - shape.drift) ** (self.times / 2)
        return alike * forgotten


@dataclass(frozen=True)
class Process:
    """The process after some targets were seen."""

    points: Points
    targets: Floats  # float64[N], of mean 0 and a variance of about 1
    shape: Shape
    pending: Points | None = None  # settings that are being tried, whose targets nobody knows yet

    @cached_property
    def _weights(self) -> Floats:
        return np.asarray(np.linalg.solve(_covariance(self.points, self.shape), self.targets))

    @cached_property
    def _inverse(self) -> Floats:
        return np.asarray(np.linalg.inv(_covariance(self._looked_at, self.shape)))

    @property
    def _looked_at(self) -> Points:
        return self.points if self.pending is None else self.points + self.pending

    def mean(self, points: Points) -> Floats:
        """Return the expected targets, noise apart, float64[M]."""
        return self._signal(points, self.points) @ self._weights

    def deviation(self, points: Points) -> Floats:
        """Return the standard deviations of what is expected, noise apart, float64[M].

        What is being tried counts as seen: the variance does not depend on what will have come out.
        Source: Desautels et al. 2014, GP-BUCB.
        """
        signal = self._signal(points, self._looked_at)
        left = (1 - self.shape.noise) - ((signal @ self._inverse) * signal).sum(axis=1)
        return np.asarray(np.sqrt(self.shape.variance * np.maximum(left, 0.0)))

    def upper_bound(self, points: Points) -> Floats:
        """Return how good the points may well be: mean + √β deviation, β = 0.2 ln(0.4 N), float64[M].

        Source: Parker-Holder et al. 2020, arXiv:2002.02518, equation 6; the two constants are their code's, which
        multiplies by the variance where the equation has its root. We hold to the equation.
        """
        beta = max(0.2 * np.log(0.4 * len(self.points)), 0.0)
        return np.asarray(self.mean(points) + np.sqrt(beta) * self.deviation(points))

    def trying(self, pending: Points) -> "Process":
        """Return the process that knows what is being tried now."""
        return replace(self, pending=pending) if len(pending) else self

    def _signal(self, points: Points, seen: Points) -> Floats:
        """Return covariances, as shares of the variance, [M, N]."""
        return (1 - self.shape.noise) * Distances.between(points, seen).correlation(self.shape)


def fit(points: Points, targets: Floats) -> Process:
    """Return the process under the most probable of a grid of shapes.

    One decomposition serves every noise at a length and a drift, and the best variance of each has a closed form. So
    this costs 20 decompositions of a matrix of at most [100, 100].

    Args:
        points: at most `ROWS`.
        targets: float64[N], standardised.
    """
    spread = np.linspace(0, len(points) - 1, min(len(points), SHAPED_BY)).round().astype(int)
    judges = Points(points.units[spread], points.codes[spread], points.times[spread])
    apart = Distances.between(judges, judges)
    _, best = max(
        (
            (belief, shape)
            for length, drift in product(LENGTHS, DRIFTS)
            for belief, shape in _believed(apart, targets[spread], Shape(length, drift, NOISES[-1]))
        ),
        key=lambda candidate: candidate[0],
    )
    return Process(points, targets, best)


def _believed(apart: Distances, targets: Floats, shape: Shape) -> list[tuple[float, Shape]]:
    """Return how probable each noise is with a length and a drift (log, up to a constant), each with its variance.

    The variance is integrated out under a prior of mean 1 that weighs `_BELIEF` rows (Rasmussen and Williams 2006,
    section 9.9); the shape then has the variance that is to be expected.
    """
    eigenvalues, eigenvectors = np.linalg.eigh(apart.correlation(shape))
    squares = (eigenvectors.T @ targets) ** 2  # [N]
    noises = np.array(NOISES)[:, None]
    variances = (1 - noises) * np.maximum(eigenvalues, 0.0) + noises  # [noises, N], of each direction
    errors = _BELIEF + (squares / variances).sum(axis=1)
    weight = _BELIEF + len(targets)
    beliefs = -0.5 * np.log(variances).sum(axis=1) - 0.5 * weight * np.log(errors) + np.log(noises[:, 0])
    return [
        (float(belief), replace(shape, noise=noise, variance=float(error / weight)))
        for belief, noise, error in zip(beliefs, NOISES, errors, strict=True)
    ]


def _covariance(points: Points, shape: Shape) -> Floats:
    """Return that of the targets, as a share of the variance, [N, N]."""
    signal = (1 - shape.noise) * Distances.between(points, points).correlation(shape)
    return signal + shape.noise * np.eye(len(points))

"""Which images are near each other in the space of features: exact, in blocks of rows, in float64."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan.gan.scores.score import Reals, Seen

if TYPE_CHECKING:
    from torch import Tensor

NEIGHBOURS = 5
"""The k of the k-th nearest neighbour, which is never the image itself."""

NEIGHBOUR_IMAGES = 1_000
"""How many samples, and as many real images, are looked at by the scores here; their cost is the square of it."""

_BLOCK = 1_000_000
"""Distances that are held at a time: 8 MB."""

Features = NDArray[np.float64]


class Nearest(NamedTuple):
    """The nearest others of N points, the nearest first."""

    squared: Features  # [N, K], squared distances
    places: NDArray[np.int64]  # [N, K], which ones they are


def features_of(tensor: "Tensor") -> Features:
    """Return features [N, D] as float64 on the CPU."""
    array: Features = tensor.detach().double().cpu().numpy()
    return array


def distances(points: Features, others: Features) -> Iterator[Features]:
    """Return squared distances, [rows, M] at a time, of points [N, D] to others [M, D].

    Differences are squared and added up, which is slower than a product of matrices and has no rounding to fear: equal
    images are 0 apart, and two images are as far from each other there as back.
    """
    from scipy.spatial.distance import cdist

    rows = max(1, _BLOCK // max(1, len(others)))
    for start in range(0, len(points), rows):
        yield cdist(points[start : start + rows], others, "sqeuclidean")


def nearest(points: Features, others: Features, count: int, *, itself: bool = False) -> Nearest:
    """Find the nearest others of each point.

    Args:
        points: [N, D].
        others: [M, D].
        count: how many, at most M.
        itself: both are one set, and no point is its own neighbour; then at most M − 1.
    """
    squared, places, begin = [], [], 0
    for block in distances(points, others):
        if itself:
            block[np.arange(len(block)), begin + np.arange(len(block))] = np.inf
        begin += len(block)
        found = np.argpartition(block, count - 1, axis=1)[:, :count]
        order = np.take_along_axis(block, found, 1).argsort(axis=1, kind="stable")
        places.append(np.take_along_axis(found, order, 1))
        squared.append(np.take_along_axis(block, places[-1], 1))
    return Nearest(np.concatenate(squared), np.concatenate(places))


@dataclass(frozen=True, eq=False)
class Manifold:
    """Where the images of a set lie: within balls around them, each as wide as its k-th nearest other is far.

    The surface does not belong to a ball, so an image that has k equal ones beside it holds nothing.

    Source: Kynkäänniemi et al. 2019, arXiv:1904.06991, section 2.
    """

    centres: Features  # [N, D]

    @classmethod
    def of(cls, features: "Tensor") -> "Manifold":
        """Take features [N, D]."""
        return cls(features_of(features))

    @cached_property
    def finite(self) -> bool:
        """Whether all entries are, and there are enough of them for a k-th neighbour."""
        return len(self.centres) > NEIGHBOURS and bool(np.isfinite(self.centres).all())

    @cached_property
    def radii(self) -> Features:
        """The squared radii, [N]."""
        radii: Features = nearest(self.centres, self.centres, NEIGHBOURS, itself=True).squared[:, -1]
        return radii

    def balls_around(self, points: Features) -> NDArray[np.int64]:
        """Return in how many balls each of points [M, D] lies."""
        return np.concatenate([(block < self.radii).sum(1) for block in distances(points, self.centres)])

    def inside(self, points: Features) -> Iterator[NDArray[np.bool_]]:
        """Return for some balls at a time, [balls, M], which of points [M, D] they hold."""
        begin = 0
        for block in distances(self.centres, points):
            yield block < self.radii[begin : begin + len(block), None]
            begin += len(block)


def influences(without: NDArray[np.float64]) -> "Tensor":
    """Return how each of N samples moves a number, from what that number is without it, [N]: by the jackknife.

    Their deviation by √N is the jackknife's standard error. It is rather too large than too small: Efron and Stein
    1981, Annals of Statistics 9.
    """
    from torch import from_numpy

    return from_numpy((len(without) - 1) * (without.mean() - without))


def no_influences(samples: Manifold) -> "Tensor":
    """Return what stands for influences where something is not finite: nan, [N]."""
    from torch import from_numpy

    return from_numpy(np.full(len(samples.centres), np.nan))


def reals_of(reals: Reals) -> Manifold:
    """Return the balls of the real images that a scorer keeps."""
    return Manifold.of(reals["kernel_features"])


def samples_of(seen: Seen) -> Manifold:
    """Return the balls of samples, of no more than are compared at a time."""
    return Manifold.of(seen.features[:NEIGHBOUR_IMAGES])

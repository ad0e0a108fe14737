"""How closely samples crowd where real images are, and how many real images have a sample beside them.

Both look at the balls of the real images only: a sample far off widens nothing.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from pbt_gan.gan.scores.neighbours import (
    NEIGHBOUR_IMAGES,
    NEIGHBOURS,
    Manifold,
    influences,
    no_influences,
    reals_of,
    samples_of,
)
from pbt_gan.gan.scores.score import Score

if TYPE_CHECKING:
    from torch import Tensor


def density(reals: Manifold, samples: Manifold) -> float:
    """Compute the mean number of balls of real images that a sample lies in, divided by k.

    Returns:
        about 1 for equal distributions; more where samples crowd at the likeliest images.

    Source: Naeem et al. 2020, arXiv:2002.09797, eq. 6, with k = `NEIGHBOURS`, as there.
    """
    if not (reals.finite and samples.finite):
        return math.nan
    return float(reals.balls_around(samples.centres).mean()) / NEIGHBOURS


def coverage(reals: Manifold, samples: Manifold) -> float:
    """Compute the share of the real images whose ball holds at least one sample.

    Returns:
        about 1 − 2⁻ᵏ, or 0.97, for equal distributions and as many samples as real images.

    Source: Naeem et al. 2020, arXiv:2002.09797, eq. 7 and 10, with k = `NEIGHBOURS`, as there.
    """
    if not (reals.finite and samples.finite):
        return math.nan
    return float(np.concatenate([held.any(1) for held in reals.inside(samples.centres)]).mean())


def density_influence(reals: Manifold, samples: Manifold) -> "Tensor":
    """Compute how each sample moves `density`: the balls it lies in, less their mean number, divided by k."""
    if not (reals.finite and samples.finite):
        return no_influences(samples)
    balls = reals.balls_around(samples.centres)
    return influences((balls.sum() - balls) / (len(balls) - 1) / NEIGHBOURS)


def coverage_influence(reals: Manifold, samples: Manifold) -> "Tensor":
    """Compute how each sample moves `coverage`: without it those balls are empty that it was alone in."""
    if not (reals.finite and samples.finite):
        return no_influences(samples)
    alone = np.zeros(len(samples.centres))  # balls that hold nothing but this sample
    for held in reals.inside(samples.centres):
        alone += held[held.sum(1) == 1].sum(0)
    return influences(-alone / len(reals.centres))


DENSITY = Score(
    "density",
    f"mean number of balls of real images that hold a sample, divided by k; balls end before the k = {NEIGHBOURS}th "
    "neighbour",
    "higher",
    lambda seen, reals: density(reals, samples_of(seen)),
    reference=reals_of,
    most_images=NEIGHBOUR_IMAGES,
    influence=lambda seen, reals: density_influence(reals, samples_of(seen)),
)

COVERAGE = Score(
    "coverage",
    f"share of real images whose ball holds a sample; balls end before the {NEIGHBOURS}th neighbour",
    "higher",
    lambda seen, reals: coverage(reals, samples_of(seen)),
    reference=reals_of,
    most_images=NEIGHBOUR_IMAGES,
    influence=lambda seen, reals: coverage_influence(reals, samples_of(seen)),
)

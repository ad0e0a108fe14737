"""How many samples could be real ones, and how many real images could be samples."""

import math
from typing import TYPE_CHECKING

import numpy as np

from pbt_gan.gan.scores.neighbours import (
    NEIGHBOUR_IMAGES,
    NEIGHBOURS,
    Manifold,
    distances,
    influences,
    nearest,
    no_influences,
    reals_of,
    samples_of,
)
from pbt_gan.gan.scores.score import Score

if TYPE_CHECKING:
    from torch import Tensor


def precision(reals: Manifold, samples: Manifold) -> float:
    """Compute the share of the samples that lie in the ball of at least one real image.

    Source: Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. 1 and 2, with k = `NEIGHBOURS`; the paper takes 3, and
    counts the surface of a ball in.
    """
    if not (reals.finite and samples.finite):
        return math.nan
    return float((reals.balls_around(samples.centres) > 0).mean())


def recall(reals: Manifold, samples: Manifold) -> float:
    """Compute the share of the real images that lie in the ball of at least one sample; see `precision`."""
    if not (reals.finite and samples.finite):
        return math.nan
    return float((samples.balls_around(reals.centres) > 0).mean())


def precision_influence(reals: Manifold, samples: Manifold) -> "Tensor":
    """Compute how each sample moves `precision`: whether it lies in a ball, less the share of those that do."""
    if not (reals.finite and samples.finite):
        return no_influences(samples)
    within = reals.balls_around(samples.centres) > 0
    return influences((within.sum() - within) / (len(within) - 1))


def recall_influence(reals: Manifold, samples: Manifold) -> "Tensor":
    """Compute how each sample moves `recall`.

    Without it its ball is gone, and those are wider whose k-th neighbour, or a nearer one, it was.
    """
    count = len(samples.centres)
    if not (reals.finite and samples.finite) or count < NEIGHBOURS + 2:
        return no_influences(samples)
    from scipy.sparse import csr_array

    near = nearest(samples.centres, samples.centres, NEIGHBOURS + 1, itself=True)
    owners, neighbours = np.repeat(np.arange(count), NEIGHBOURS), near.places[:, :NEIGHBOURS].ravel()
    leans_on = csr_array((np.ones(len(owners)), (owners, neighbours)), shape=(count, count))
    covered = np.zeros(count)  # real images that are covered without each of the samples
    for block in distances(reals.centres, samples.centres):
        inside, wider = block < near.squared[:, NEIGHBOURS - 1], block < near.squared[:, NEIGHBOURS]
        balls = inside.sum(1, keepdims=True) - inside + (wider & ~inside).astype(float) @ leans_on
        covered += (balls > 0).sum(0)
    return influences(covered / len(reals.centres))


PRECISION = Score(
    "precision",
    f"share of samples in the ball of a real image; balls end before the {NEIGHBOURS}th neighbour",
    "higher",
    lambda seen, reals: precision(reals, samples_of(seen)),
    reference=reals_of,
    most_images=NEIGHBOUR_IMAGES,
    influence=lambda seen, reals: precision_influence(reals, samples_of(seen)),
)

RECALL = Score(
    "recall",
    f"share of real images in the ball of a sample; balls end before the {NEIGHBOURS}th neighbour",
    "higher",
    lambda seen, reals: recall(reals, samples_of(seen)),
    reference=reals_of,
    most_images=NEIGHBOUR_IMAGES,
    influence=lambda seen, reals: recall_influence(reals, samples_of(seen)),
)

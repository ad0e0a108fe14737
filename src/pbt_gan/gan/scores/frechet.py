"""How far the normal distributions are apart that have the moments of the features."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pbt_gan.gan.scores.score import Score

if TYPE_CHECKING:
    from torch import Tensor


_NOTHING = 1e-12
"""What is left of an eigenvalue of 0 by rounding, beside the largest."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of features: all that the Fréchet distance sees of a set of images."""

    mean: "Tensor"  # float64[D]
    covariance: "Tensor"  # float64[D, D], unbiased

    @classmethod
    def of(cls, features: "Tensor") -> "Moments":
        """Measure features [N, D], N ≥ 2."""
        features = features.double()
        mean = features.mean(0)
        centred = (features - mean).T  # by hand: `cov` would wait for the device, to see how many there are
        return cls(mean, centred @ centred.T / (len(features) - 1))

    @cached_property
    def finite(self) -> bool:
        """Whether all entries are."""
        return bool(self.mean.isfinite().all() and self.covariance.isfinite().all())

    @cached_property
    def root(self) -> "Tensor":
        """The symmetric square root of the covariance, float64[D, D]."""
        from torch import linalg

        values, vectors = linalg.eigh(self.covariance)
        root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
        return root


def frechet_distance(reference: Moments, samples: Moments) -> float:
    """Compute the squared Fréchet (2-Wasserstein) distance of two normal distributions.

    The trace of (C₁C₂)^½ is taken from the eigenvalues of the symmetric C₁^½·C₂·C₁^½, so no matrix root can turn
    complex and the reference's root is made only once.

    Source: Dowson and Landau 1982; for images Heusel et al. 2017, arXiv:1706.08500.
    """
    if not (reference.finite and samples.finite):
        return math.nan
    from torch import linalg

    values = linalg.eigvalsh(reference.root @ samples.covariance @ reference.root)
    cross = values.clamp_min(0).sqrt().sum()
    spread = reference.covariance.trace() + samples.covariance.trace() - 2 * cross
    # Rounding can leave a tiny negative number where the sets are equal.
    return max(0.0, float((reference.mean - samples.mean).square().sum() + spread))


def frechet_influence(reference: Moments, features: "Tensor") -> "Tensor":
    """Compute how each sample moves `frechet_distance`, float64[N], nan where something is not finite.

    Of one sample x, with the difference d = x − μ₂ and the linear map T that carries the samples' normal distribution
    into the reference's, the distance changes by 2 (μ₂ − μ₁)·d + d·(I − T)d, less the mean of that, divided by N. Not
    divided here: the standard error of the distance is the deviation of this by √N. It says nothing of the distance's
    bias, which members with as many samples share.

    Source: the derivative by the covariance is that of Takatsu 2011, section 2.

    Args:
        reference: moments of the real images.
        features: of the samples, [N, D], N ≥ 2.
    """
    features = features.double()
    samples = Moments.of(features)
    if not (reference.finite and samples.finite):
        return features.new_full((len(features),), math.nan)
    from torch import linalg

    values, vectors = linalg.eigh(reference.root @ samples.covariance @ reference.root)
    # Where the samples do not vary at all, they carry nothing anywhere.
    inverse_roots = values.clamp_min(0).rsqrt().where(values > values[-1] * _NOTHING, 0.0)
    transport = reference.root @ (vectors * inverse_roots) @ vectors.T @ reference.root
    differences = features - samples.mean
    quadratic = differences.square().sum(1) - (differences @ transport * differences).sum(1)
    influence: Tensor = 2 * differences @ (samples.mean - reference.mean) + quadratic
    return influence


SCORE = Score(
    "Fréchet classifier distance",
    "|μ₁ − μ₂|² + tr(C₁ + C₂ − 2(C₁C₂)^½)",
    "lower",
    lambda seen, moments: frechet_distance(moments, Moments.of(seen.features)),
    reference=lambda reals: Moments(reals["mean"], reals["covariance"]),
    influence=lambda seen, moments: frechet_influence(moments, seen.features),
)

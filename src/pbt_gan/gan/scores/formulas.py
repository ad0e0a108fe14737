"""The formulas of the scores, in float64 on the CPU. What is not finite gives nan, never an error."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

_ROWS = 200
"""Of a kernel's matrix that are made at a time: they stay in the processor's cache."""


def classifier_score(probabilities: Tensor, splits: int = 1) -> float:
    """Compute the inception-score formula, exp(mean KL(p(y|x) ‖ p(y))), with the probabilities of any classifier.

    Args:
        probabilities: [N, K], each row sums to 1.
        splits: into how many equal parts the samples go, in their order; the mean of the parts' scores is returned.
            More splits read lower.

    Returns:
        between 1 (all samples alike, or all ambiguous) and K (each sample certain, all classes equally frequent).

    Source: Salimans et al. 2016, arXiv:1606.03498, section 4.
    """
    if not torch.isfinite(probabilities).all():
        return math.nan
    parts = probabilities.double().cpu().tensor_split(splits)
    return sum(_score(part) for part in parts) / splits


def _score(probabilities: Tensor) -> float:
    marginal = probabilities.mean(0, keepdim=True)
    divergence = torch.xlogy(probabilities, probabilities) - torch.xlogy(probabilities, marginal)
    return math.exp(float(divergence.sum(1).mean()))


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of features: all that the Fréchet distance sees of a set of images."""

    mean: Tensor  # float64[D]
    covariance: Tensor  # float64[D, D], unbiased

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """Measure features [N, D], N ≥ 2."""
        features = features.double().cpu()
        return cls(features.mean(0), torch.cov(features.T).reshape(features.shape[1], features.shape[1]))

    @property
    def finite(self) -> bool:
        """Whether all entries are."""
        return bool(torch.isfinite(self.mean).all() and torch.isfinite(self.covariance).all())

    @cached_property
    def root(self) -> Tensor:
        """The symmetric square root of the covariance, float64[D, D]."""
        values, vectors = torch.linalg.eigh(self.covariance)
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
    values = torch.linalg.eigvalsh(reference.root @ samples.covariance @ reference.root)
    cross = values.clamp_min(0).sqrt().sum()
    spread = reference.covariance.trace() + samples.covariance.trace() - 2 * cross
    # Rounding can leave a tiny negative number where the sets are equal.
    return max(0.0, float((reference.mean - samples.mean).square().sum() + spread))


@dataclass(frozen=True, eq=False)
class Cloud:
    """Features of a set of images: what the kernel distance sees of it."""

    features: Tensor  # float64[N, D], N ≥ 2

    @classmethod
    def of(cls, features: Tensor) -> "Cloud":
        """Take features [N, D]."""
        return cls(features.double().cpu())

    @property
    def finite(self) -> bool:
        """Whether all entries are."""
        return bool(torch.isfinite(self.features).all())

    @cached_property
    def closeness(self) -> float:
        """The mean kernel of two different images of the set."""
        count = len(self.features)
        own = (self.features.square().sum(1) / self.features.shape[1] + 1).pow(3).sum()
        return float(_kernel_sum(self.features, self.features) - own) / (count * (count - 1))


def kernel_distance(reference: Cloud, samples: Cloud) -> float:
    """Compute the unbiased squared MMD with the kernel (x·y/D + 1)³, over all pairs.

    Returns:
        about 0 for equal distributions; an unbiased estimate, so it can be a little negative.

    Source: Bińkowski et al. 2018, arXiv:1801.01401; Gretton et al. 2012, eq. 3.
    """
    if not (reference.finite and samples.finite):
        return math.nan
    x, y = reference.features, samples.features
    between = float(_kernel_sum(x, y)) / (len(x) * len(y))
    return reference.closeness + samples.closeness - 2 * between


def _kernel_sum(x: Tensor, y: Tensor) -> Tensor:
    """Return the sum of the kernel over all pairs."""
    total = x.new_zeros(())
    for rows in torch.split(x / x.shape[1], _ROWS):
        bases = (rows @ y.T).add_(1).flatten()
        total += torch.dot(bases.square(), bases)
    return total

"""How far the features are apart as a kernel sees them, all pairs of them."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pbt_gan.gan.scores.score import Score

if TYPE_CHECKING:
    from torch import Tensor

KERNEL_IMAGES = 1_000
"""How many real images, evenly spread over the data, the distance compares with; its cost is their square."""

_ROWS = 200
"""Of a kernel's matrix that are made at a time on a CPU: they stay in its cache."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Features of a set of images: what the kernel distance sees of it."""

    features: "Tensor"  # float32 or float64[N, D], N ≥ 2

    @classmethod
    def of(cls, features: "Tensor") -> "Cloud":
        """Take features [N, D]."""
        # A GPU may be told to round what it multiplies in float32.
        return cls(features if features.device.type == "cpu" else features.double())

    @cached_property
    def finite(self) -> bool:
        """Whether all entries are."""
        return bool(self.features.isfinite().all())

    @cached_property
    def closeness(self) -> float:
        """The mean kernel of two different images of the set."""
        count = len(self.features)
        return float((_kernel_sums(self.features, self.features) - _own_kernels(self.features)).sum()) / (
            count * (count - 1)
        )


def kernel_distance(reference: Cloud, samples: Cloud) -> float:
    """Compute the unbiased squared MMD with the kernel (x·y/D + 1)³, over all pairs.

    Returns:
        about 0 for equal distributions; an unbiased estimate, so it can be a little negative.

    Source: Bińkowski et al. 2018, arXiv:1801.01401; Gretton et al. 2012, eq. 3.
    """
    if not (reference.finite and samples.finite):
        return math.nan
    y = samples.features
    x = reference.features.to(y.dtype)
    between = float(_kernel_sums(x, y).sum()) / (len(x) * len(y))
    return reference.closeness + samples.closeness - 2 * between


def kernel_influence(reference: Cloud, samples: Cloud) -> "Tensor":
    """Compute how each sample moves `kernel_distance`, float64[N], nan where something is not finite.

    Twice what is peculiar to it of the mean kernel with the other samples, less that with the reference: the first
    projection of the estimate, not divided by N. Where the two sets are equally distributed nothing of that is left but
    noise, and the standard error that follows is too large, by up to √2.

    Source: Hoeffding 1948; for this distance Gretton et al. 2012, appendix B.1.
    """
    x, y = reference.features.double(), samples.features.double()
    if not (reference.finite and samples.finite):
        return y.new_full((len(y),), math.nan)
    nearness = (_kernel_sums(y, y) - _own_kernels(y)) / (len(y) - 1) - _kernel_sums(y, x) / len(x)
    return 2 * (nearness - nearness.mean())


def _kernel_sums(x: "Tensor", y: "Tensor") -> "Tensor":
    """Return for each row of `x` the sum of the kernel over all of `y`, float64[N].

    Products are made in the features' own dtype. In float32 they take half as long, and since what they are off by is
    not the same for any two pairs, the mean over all is off by about 1e-9 of itself.
    """
    from torch import cat

    sums: list[Tensor] = []
    at_a_time = _ROWS if x.device.type == "cpu" else len(x)
    for rows in (x / x.shape[1]).split(at_a_time):  # type: ignore[no-untyped-call]
        bases = (rows @ y.T).add_(1)
        sums.append(bases.square().mul_(bases).sum(1))
    return cat(sums).double()


def _own_kernels(x: "Tensor") -> "Tensor":
    """Return the kernel of each row with itself, float64[N]."""
    return (x.double().square().sum(1) / x.shape[1] + 1).pow(3)


SCORE = Score(
    "kernel classifier distance",
    "unbiased MMD², kernel (x·y/d + 1)³",
    "lower",
    lambda seen, cloud: kernel_distance(cloud, Cloud.of(seen.features[:KERNEL_IMAGES])),
    reference=lambda reals: Cloud.of(reals["kernel_features"]),
    most_images=KERNEL_IMAGES,
    influence=lambda seen, cloud: kernel_influence(cloud, Cloud.of(seen.features[:KERNEL_IMAGES])),
)

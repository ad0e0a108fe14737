"""Whether samples repeat real images: the nearest real one of each, and how many are nearer than chance has it."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pbt_gan.gan.scores.neighbours import Features, Nearest, features_of, nearest

if TYPE_CHECKING:
    from torch import Tensor

CLOSE = 0.05
"""The share of unseen real images that is taken for close to the training images."""

UNSEEN_IMAGES = 1_000
"""Where no images are unseen, so many training images, evenly spread, stand for them."""


@dataclass(frozen=True, eq=False)
class Memorisation:
    """What samples have to do with the images that their generator was trained on."""

    copied: float  # about 0 for a generator that has learnt, 1 for one that repeats; a little below 0 by chance
    error: float  # its standard error
    neighbours: NDArray[np.int64]  # [N], the nearest training image of each sample
    distances: Features  # [N], how far that is
    unseen: int  # real images that were compared with; by leaving them out one at a time if none are unseen
    left_out: bool  # whether that is how it was done


def memorisation(samples: "Tensor", training: "Tensor", unseen: "Tensor | None" = None) -> Memorisation:
    """Compare how near samples and unseen real images come to the training images.

    Close is what is nearer to its nearest training image than 95 % of unseen real images are to theirs. By chance 5 %
    of samples are: `copied` is the share of the others that would have to be copies to explain how many there are.
    Bad samples are far from all images, so they lower nothing but their own part.

    An unseen real image and a training image that is left out are equally far from the (other) training images, if all
    were drawn alike. Where no images are unseen, those take their place; duplicates in the data then make copies look
    like chance.

    Args:
        samples: features, [N, D].
        training: features of the images that the generator was trained on, [M, D]; M ≥ 2.
        unseen: features of real images that it never saw.

    Returns:
        nan for `copied` and its error where a feature is not finite.

    Source: distances of samples to training images beside those of unseen ones are Meehan, Chaudhuri and Dasgupta's
    2020, arXiv:2004.05675, section 3; the place of their rank test over all distances, in which bad samples hide
    copies, takes the share below a quantile.
    """
    seen, made = features_of(training), features_of(samples)
    others = None if unseen is None else features_of(unseen)
    if not all(np.isfinite(features).all() for features in (seen, made, others) if features is not None):
        nowhere = np.zeros(len(made), np.int64)
        return Memorisation(math.nan, math.nan, nowhere, np.full(len(made), math.nan), 0, others is None)
    found = nearest(made, seen, 1)
    real = _left_out(seen) if others is None else nearest(others, seen, 1).squared[:, 0]
    share = close_share(found.squared[:, 0], real)
    return Memorisation(
        copied=(share - CLOSE) / (1 - CLOSE),
        error=_error(share, len(made), len(real) if others is not None else len(real) / 2),
        neighbours=found.places[:, 0],
        distances=np.sqrt(found.squared[:, 0]),
        unseen=len(real),
        left_out=others is None,
    )


def close_share(samples: Features, unseen: Features) -> float:
    """Return the share of samples that are closer than all but `CLOSE` of the unseen, by their distances.

    Of those that are exactly at the bound so much is counted as makes the share of the unseen `CLOSE`: distances may be
    equal, such as 0 where images are there twice.

    Examples:
        >>> import numpy as np
        >>> close_share(np.array([0.0, 7.0]), np.arange(1.0, 101.0)), close_share(np.zeros(9), np.zeros(50))
        (0.5, 0.05)
    """
    bound = np.quantile(unseen, CLOSE, method="inverted_cdf")
    below, at = float((unseen < bound).mean()), float((unseen == bound).mean())
    return float((samples < bound).mean() + (CLOSE - below) / at * (samples == bound).mean())


def pairs(samples: NDArray[np.uint8], reals: NDArray[np.uint8], found: Memorisation) -> NDArray[np.uint8]:
    """Return eight samples, below them their nearest real images, and so on: 64 images for a grid of eight columns.

    They go from the sample that is nearest to a real image to the one that is furthest from all, evenly.

    Args:
        samples: uint8[N, H, W, C], as they were compared.
        reals: uint8[M, H, W, C], those whose features were `training`.
        found: what came out.
    """
    order = np.argsort(found.distances, kind="stable")
    shown = order[np.linspace(0, len(order) - 1, 32).round().astype(int)]
    both = np.stack([samples[shown], reals[found.neighbours[shown]]])  # [2, 32, H, W, C]
    rows = both.reshape(2, 4, 8, *both.shape[2:]).swapaxes(0, 1)
    return np.ascontiguousarray(rows.reshape(64, *both.shape[2:]))


def _error(share: float, samples: int, unseen: float) -> float:
    """Return the standard error of `copied`: the samples' chance, and the chance by which it is told what close is.

    The nearest of images that are left out are each other's nearest, two of one distance, so they count by half.
    Samples count four more, half of them close, or a share of 0 would have no error: Agresti and Coull 1998, The
    American Statistician 52.
    """
    added = (share * samples + 2) / (samples + 4)
    return math.sqrt(added * (1 - added) / (samples + 4) + CLOSE * (1 - CLOSE) / unseen) / (1 - CLOSE)


def _left_out(seen: Features) -> Features:
    """Return how far training images are from the nearest other one, squared."""
    some = np.unique(np.linspace(0, len(seen) - 1, min(UNSEEN_IMAGES, len(seen))).round().astype(int))
    near: Nearest = nearest(seen[some], seen, 2)
    # The image itself is 0 away, and so are its duplicates: whichever comes first, the second is another's distance.
    squared: Features = near.squared[:, 1]
    return squared

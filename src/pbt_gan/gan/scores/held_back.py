"""Real images that a scorer never learns from, to be examined on."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan.gan.data import Dataset
from pbt_gan.gan.data.dataset import Unseen

MOST = 10_000
"""More say nothing that these do not."""

FEW = 50
"""So many are held back of small data, or a fifth where that is less: a tenth would leave an accuracy to chance."""


class HeldBack(NamedTuple):
    """A data set in two parts."""

    seen: NDArray[np.int64]  # numbers of the images that a scorer learns from, in the order that it is given them
    unseen: Unseen


def held_back(dataset: Dataset, seed: int) -> HeldBack:
    """Return what to learn from and what to be examined on: the data's own split, else a tenth drawn by the seed.

    A split counts if it has at least as many images as would be held back of small data, and labels where the data has.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(dataset.images))
    own = dataset.unseen
    if own is not None and len(own.images) >= FEW and (dataset.labels is None or own.labels is not None):
        chosen = rng.permutation(len(own.images))[:MOST]
        return HeldBack(order, _taken(own, chosen))
    back, seen = np.split(order, [min(max(len(order) // 10, min(FEW, len(order) // 5)), MOST)])
    return HeldBack(seen, _taken(Unseen(dataset.images, dataset.labels), back))


def _taken(images: Unseen, places: NDArray[np.int64]) -> Unseen:
    return Unseen(images.images[places], None if images.labels is None else images.labels[places])

"""A bandit over the values of one choice, which forgets: how likely each should be tried next."""

import math
from collections.abc import Sequence

import numpy as np

from pbt_gan.core.strategies.gaussian_process import Floats


def probabilities(codes: Sequence[int], rewards: Sequence[float], arms: int) -> Floats:
    """Return how likely each arm should be tried, float64[arms], each at least γ / arms.

    With T rows in turn, γ = min(1, √(arms ln arms / ((e - 1) T))): while little has been seen all are about as likely.
    A row multiplies its arm's weight by exp(γ reward / (arms p)), p being how likely the arm was by then; then all
    weights get e / (arms T) of their sum, so that no arm is lost that may be the best one later.

    Args:
        codes: of the arms, oldest first.
        rewards: within ±1/2 and 0 in the mean, such as centred ranks. So an arm that is seen often, since many members
            have kept it, gains nothing by that; with rewards in [0, 1], as in the source, it would.
        arms: how many there are.

    Source: Parker-Holder et al. 2021, arXiv:2106.15883, algorithm 2 (TV.EXP3.M) for a batch of one, which is Auer et
    al. 2002, EXP3.S. Members of asynchronous runs are decided about one at a time, so there is no batch to divide
    among; and whoever keeps an arm is a row as if it had drawn it.
    """
    rows = max(len(codes), 1)
    gamma = min(1.0, math.sqrt(arms * math.log(arms) / ((math.e - 1) * rows)))
    weights = np.ones(arms)
    for code, reward in zip(codes, rewards, strict=True):
        weights[code] *= math.exp(gamma * reward / (arms * _mixed(weights, gamma)[code]))
        weights += math.e / (arms * rows) * weights.sum()
        weights /= weights.sum()  # only their proportions matter
    return _mixed(weights, gamma)


def _mixed(weights: Floats, gamma: float) -> Floats:
    return np.asarray((1 - gamma) * weights / weights.sum() + gamma / len(weights))

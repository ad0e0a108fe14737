"""Exploit rules that were tried beside the built-in ones: truncation with a minimum gap, and on smoothed scores."""

import math
from statistics import fmean

from pbt_gan.core.exploit import truncation


def with_gap(recipient, view, rng, *, fraction=0.2, gap=0.1):
    """Copy only a donor that is better by more than `gap`, in the score's own unit."""
    donor = truncation(recipient, view, rng, fraction=fraction)
    return donor if donor is not None and donor.score > recipient.score + gap else None


def smoothed(recipient, view, rng, *, fraction=0.2, last=3):
    """Rank by the mean of the `last` scores instead of the latest."""

    def mean(member):
        scores = member.scores[-last:]
        return fmean(scores) if all(map(math.isfinite, scores)) else -math.inf

    ranking = sorted(view.ranking, key=lambda member: (mean(member), member.id))
    n = min(math.ceil(fraction * len(ranking)), len(ranking) // 2)
    if ranking.index(recipient) >= n:
        return None
    top = [member for member in ranking[len(ranking) - n :] if member.healthy]
    return top[rng.integers(len(top))] if top else None

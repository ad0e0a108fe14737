"""How an arm compares with the baseline over some seeds. Everything here is a pure function of numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pbt_gan.core.rng import stream

CONFIDENCE = 0.95

SIGNIFICANT = 0.05
"""A p-value below which a difference counts as found."""

LEAST_PAIRS = 2
"""Pairs below which there is neither an interval nor a p-value: a single difference has no spread."""

EXACT_PAIRS = 16
"""Pairs up to which the test goes through all 2ⁿ choices of signs; of more it draws `RESAMPLES` of them."""

RESAMPLES = 99_999
"""Choices of signs that are drawn; the one that was seen is counted with them."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gain:
    """An arm against the baseline in one figure; positive: the arm is better."""

    pairs: int  # seeds of which both have the figure
    mean: float  # of the paired differences; nan: some run had no finite score
    interval: tuple[float, float] | None  # 95 %, Student's t; None: too few pairs
    better: int  # pairs in which the arm is better
    equal: int
    improvement: float  # probability that a run of the arm is better than one of the baseline; ties count half
    p: float | None  # two-sided, of the sign-flip test; None: too few pairs


def gain(arm: Sequence[float], baseline: Sequence[float], *, higher: bool = True) -> Gain:
    """Compare the figures of an arm with those of the baseline, seed by seed.

    Args:
        arm: one a seed, at least one; not finite: the worst there is.
        baseline: of the same seeds in the same order.
        higher: whether higher is better.

    Source: the probability of improvement, Agarwal et al. 2021, arXiv:2108.13264, section 4.3.

    >>> gain([3.0, 5.0, 4.0], [2.0, 2.0, 2.0]).better
    3
    """
    sign = 1.0 if higher else -1.0
    ours, theirs = (sign * _finite(np.array(values, float), sign) for values in (arm, baseline))
    wins = (ours[:, None] > theirs) + 0.5 * (ours[:, None] == theirs)
    with np.errstate(invalid="ignore"):
        differences = np.where(ours == theirs, 0.0, ours - theirs)
    known = bool(np.isfinite(differences).all())
    judged = known and len(differences) >= LEAST_PAIRS
    low, high = interval(differences) if judged else (math.nan, math.nan)
    return Gain(
        pairs=len(differences),
        mean=fmean(differences) if known else math.nan,
        interval=(float(low), float(high)) if judged else None,
        better=int((differences > 0).sum()),
        equal=int((differences == 0).sum()),
        improvement=float(wins.mean()),
        p=sign_flip(differences) if judged else None,
    )


def interval(differences: Numbers) -> tuple[Numbers, Numbers]:
    """Return the ends of the 95 % interval of the mean, by Student's t.

    With few pairs the bootstrap's intervals, percentile and BCa, are too short: they resample a spread that is itself
    too small (decision 24 has what was measured).

    Args:
        differences: float64[..., n], of n ≥ 2 pairs.

    Returns:
        float64[...] each.

    >>> [round(float(end), 3) for end in interval(np.array([1.0, 2.0, 3.0]))]
    [-0.484, 4.484]
    """
    count = differences.shape[-1]
    mean = differences.mean(axis=-1)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * differences.std(axis=-1, ddof=1) / math.sqrt(count)
    return mean - half, mean + half


def sign_flip(differences: Numbers) -> float:
    """Return the share of choices of signs whose mean is as far from 0 as the one that was seen.

    If both arms were the same, either sign of each difference would be as likely. All choices are gone through with few
    pairs, and some that are drawn with more; equal differences have equal p-values. Source: Fisher 1935, The Design of
    Experiments, section 21; drawn ones, Phipson and Smyth 2010, arXiv:1603.05766.

    Args:
        differences: float64[n], of n ≥ 2 pairs.

    >>> sign_flip(np.ones(6))
    0.03125
    """
    found = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=max(2**EXACT_PAIRS, RESAMPLES) if len(differences) <= EXACT_PAIRS else RESAMPLES,
        batch=10_000,  # bounds the memory: 10,000 choices of signs at a time
        random_state=stream(0, "sign-flip"),
    )
    return float(found.pvalue)


def smallest_p(pairs: int) -> float:
    """Return the lowest p-value that `sign_flip` can give, that of differences which all have the same sign.

    >>> smallest_p(5), smallest_p(6)
    (0.0625, 0.03125)
    """
    return 2.0 / (2**pairs if pairs <= EXACT_PAIRS else RESAMPLES + 1)


def pairs_needed(comparisons: int) -> int | None:
    """Return the least pairs with which one of some comparisons can be significant after Holm's correction.

    None: no number of pairs is enough, since too many comparisons are made for the choices of signs that are drawn.

    >>> pairs_needed(1), pairs_needed(2), pairs_needed(10)
    (6, 7, 9)
    """
    enough = (pairs for pairs in range(1, EXACT_PAIRS + 2) if comparisons * smallest_p(pairs) < SIGNIFICANT)
    return next(enough, None)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values adjusted for being several: the chance of even one false finding among them stays below.

    Source: Holm 1979, Scandinavian Journal of Statistics 6.

    >>> holm({"a": 0.01, "b": 0.5})
    {'a': 0.02, 'b': 0.5}
    """
    adjusted: dict[str, float] = {}
    highest = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - place)))
        adjusted[name] = highest
    return adjusted


def _finite(values: Numbers, sign: float) -> Numbers:
    """Nobody had a finite score: the worst there is."""
    return np.where(np.isfinite(values), values, -sign * math.inf)

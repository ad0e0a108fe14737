"""How an arm compares with the baseline over some seeds. Everything here is a pure function of two lists."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from pbt_gan.core.rng import stream

LEAST_FOR_INTERVAL = 5
"""Pairs below which no interval is given: resampling three numbers says little about a fourth."""

TEST_PAIRS = range(6, 21)
"""Pairs for which the exact test is made: with five even the best outcome has p = 0.06; beyond 20 it takes long."""

RESAMPLES = 10_000

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Gain:
    """An arm against the baseline in one figure; positive: the arm is better."""

    pairs: int
    mean: float  # of the paired differences
    interval: tuple[float, float] | None  # 95 %, by the bootstrap; None: too few pairs
    better: int  # pairs in which the arm is better
    equal: int
    improvement: float  # probability that a run of the arm is better than one of the baseline; ties count half
    p: float | None  # two-sided, of the exact sign-flip test; None: too few pairs, or too many


def gain(arm: Sequence[float], baseline: Sequence[float], *, higher: bool = True) -> Gain:
    """Compare the figures of an arm with those of the baseline, seed by seed.

    Args:
        arm: one a seed.
        baseline: of the same seeds in the same order.
        higher: whether higher is better.

    Source: the probability of improvement, Agarwal et al. 2021, arXiv:2108.13264, section 4.3.
    """
    sign = 1.0 if higher else -1.0
    ours, theirs = (sign * _finite(np.array(values, float), sign) for values in (arm, baseline))
    wins = (ours[:, None] > theirs) + 0.5 * (ours[:, None] == theirs)
    with np.errstate(invalid="ignore"):
        differences = np.where(ours == theirs, 0.0, ours - theirs)
    known = bool(np.isfinite(differences).all())
    return Gain(
        pairs=len(differences),
        mean=fmean(differences) if known else math.nan,
        interval=bootstrap(differences) if known and len(differences) >= LEAST_FOR_INTERVAL else None,
        better=int((differences > 0).sum()),
        equal=int((differences == 0).sum()),
        improvement=float(wins.mean()),
        p=sign_flip(differences) if known and len(differences) in TEST_PAIRS else None,
    )


def bootstrap(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Return the percentile interval of the mean, from resampled pairs; equal numbers give equal intervals.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    rng = stream(0, "bootstrap")
    means = differences[rng.integers(len(differences), size=(RESAMPLES, len(differences)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def sign_flip(differences: NDArray[np.float64]) -> float:
    """Return the share of all 2ⁿ choices of signs whose sum is as far from 0 as the one that was seen.

    If both arms were the same, either sign of each difference would be as likely. Source: Fisher 1935, The Design of
    Experiments, section 21.
    """
    sums = np.zeros(1)
    for difference in np.abs(differences):
        sums = np.concatenate([sums + difference, sums - difference])
    seen = abs(float(differences.sum()))
    return float((np.abs(sums) >= seen - 1e-12 * max(seen, 1.0)).mean())


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values adjusted for being several: the chance of even one false finding among them stays below.

    Source: Holm 1979, Scandinavian Journal of Statistics 6.
    """
    adjusted: dict[str, float] = {}
    highest = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - place)))
        adjusted[name] = highest
    return adjusted


def _finite(values: NDArray[np.float64], sign: float) -> NDArray[np.float64]:
    """Nobody had a finite score: the worst there is."""
    return np.where(np.isfinite(values), values, -sign * math.inf)

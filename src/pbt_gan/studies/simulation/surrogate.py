"""A GAN that is not trained: scores as learning curves of real ones say, with noise as large as theirs.

A new one would first have to be measured; this one answers in microseconds how a `digits` GAN with some learning rates
comes along. `docs/simulation.md` says how far it can be trusted.

What a member is, apart from its age, is its *level*, a score without noise, and the *sizes* of its weights. Layers that
are followed by a normalisation do not change when their weights are scaled, so a learning rate acts relative to their
size; and Adam, whose steps are as long as the rate whatever the gradient, makes them grow. A member that has trained
with a rate a hundred times too high has weights so large that a good rate hardly moves it any more: without that, the
same field cannot describe curves of constant and of changing rates.

Source: van Laarhoven 2017, arXiv:1706.05350, section 2 (effective rates; growth of the weights).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pbt_gan.core.population import Hyperparams
from pbt_gan.studies.simulation import recordings
from pbt_gan.studies.simulation.field import Field
from pbt_gan.studies.simulation.landscape import Measured
from pbt_gan.studies.simulation.recordings import HELD_OUT, LOG_LR_D, LOG_LR_G, SCORE, STEP, Curves

Numbers = NDArray[np.float64]

UNIT = 50
"""Steps that the field moves a member at a time, as the curves were recorded."""

LOWEST = 1.0
"""Classifier score of images that are all the same."""
REAL = 9.787
"""That of the real images."""
HIGHEST = 8.7
"""What no value exceeds: beyond it nothing was recorded but noise."""

_FLOOR = 0.25  # added to the distance from LOWEST, so that noise down there is small in the level too
_SIZE = 0.02  # standard deviation of new weights, DCGAN's
_YOUNG = 50.0  # steps; below it age hardly counts
_LENGTHS = np.array([1.5, 1.0, 1.0, 2.0, 2.0])  # level; decades of both relative rates, and of both sizes
_HEIGHT, _SPREAD = 0.5, 0.3  # of the field, and of its variance, in levels a UNIT
_BUMPS = 400
_FIRST_VARIANCE, _LEAST_VARIANCE = 0.05, 1e-3
_ROUNDS = 3  # of fitting the field by the variances, and these by what the field leaves
_NOISE_AT = np.array([1.0, 1.3, 2.0, 3.0, 5.0, 6.5, 7.5, 8.2])  # scores, between which the noise is interpolated


@dataclass(frozen=True, slots=True)
class Member:
    """What the surrogate knows of one."""

    level: float
    age: int
    size_g: float  # squared, of the generator's weights
    size_d: float


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A landscape made of recorded curves."""

    field: Field  # of `_inputs`: change of the level in UNIT steps, and its variance
    largest: tuple[float, float]  # squared sizes, generator's and discriminator's; beyond them nothing was recorded
    noise: Numbers  # standard deviation of one measurement, at the scores `_NOISE_AT`
    name: str = "surrogate"
    hyperparams: Sequence[str] = ("lr_g", "lr_d")

    def begin(self, rng: Generator) -> Member:
        """Return new weights, which make images that are all the same."""
        return Member(level_of(LOWEST), 0, _SIZE**2, _SIZE**2)

    def trained(self, state: Member, hyperparams: Hyperparams, steps: int, rng: Generator) -> Member:
        """Return a member after some steps; no recorded one diverged, so none does."""
        lr_g, lr_d = float(hyperparams["lr_g"]), float(hyperparams["lr_d"])
        for begins in range(0, steps, UNIT):
            state = self.moved(state, lr_g, lr_d, min(steps - begins, UNIT), float(rng.standard_normal()))
        return state

    def measured(self, state: Member, rng: Generator) -> Measured:
        """Score a member for selection and held out; chance is independent in both."""
        value = score_of(state.level)
        noise = float(np.interp(value, _NOISE_AT, self.noise))
        first, second = (max(value + noise * float(draw), LOWEST) for draw in rng.standard_normal(2))
        return Measured(first, second, value, noise)

    def moved(self, member: Member, lr_g: float, lr_d: float, steps: int, draw: float = 0.0) -> Member:
        """Return a member after at most UNIT steps.

        Args:
            member: as it was.
            lr_g: of the generator.
            lr_d: of the discriminator.
            steps: to train.
            draw: of the standard normal distribution, for what chance does on the way; 0: the mean.
        """
        share = steps / UNIT
        change, variance = self.field(_inputs(self._known(member), lr_g, lr_d))
        level = member.level + share * change + draw * math.sqrt(share * max(variance, 0.0))
        return _aged(member, min(max(level, level_of(LOWEST)), level_of(HIGHEST)), lr_g, lr_d, steps)

    def _known(self, member: Member) -> Member:
        """Return a member of which something was recorded: what is larger moves as the largest do."""
        size_g, size_d = (
            min(own, most) for own, most in zip((member.size_g, member.size_d), self.largest, strict=True)
        )
        return Member(member.level, member.age, size_g, size_d)


def level_of(score: float) -> float:
    """Return a score on a scale on which it can go on for ever: the odds of what is reached to what is left.

    >>> round(score_of(level_of(7.5)), 6)
    7.5
    """
    score = min(max(score, LOWEST), HIGHEST)
    return math.log((score - LOWEST + _FLOOR) / (REAL - score))


def score_of(level: float) -> float:
    """Return the score of a level."""
    odds = math.exp(level)
    return (odds * REAL + LOWEST - _FLOOR) / (1 + odds)


@cache
def digits() -> Surrogate:
    """Return the surrogate of the recorded `digits` GANs."""
    return made_of(recordings.digits())


def made_of(curves: Curves) -> Surrogate:
    """Return the surrogate of some curves.

    The score before and after is the mean of both measurements. What they disagree about is the noise of measuring; by
    how much more than that changes differ from the field is chance in training.
    """
    noise = _noise(curves)
    moves = [move for curve in curves.values() for move in _moves(curve, noise)]
    inputs = np.array([move.inputs for move in moves])
    parts = np.array([move.parts for move in moves], float)
    changes, measuring = (np.array([getattr(move, name) for move in moves]) for name in ("change", "measuring"))
    field = Field.around(inputs, _LENGTHS, _BUMPS)
    bumps, variance = field.bumps(inputs), np.full(len(moves), _FIRST_VARIANCE)
    for _ in range(_ROUNDS):
        # Of `parts` moves that share one change each has a part of its variance, and of what is known of it.
        one = variance + measuring / parts
        mean = field.fitted(bumps, changes, 1 / (parts * one), _HEIGHT)
        spread = parts * (changes - bumps @ mean) ** 2 - measuring / parts
        spreads = field.fitted(bumps, spread, 1 / (parts * one**2), _SPREAD)
        variance = np.maximum(bumps @ spreads, _LEAST_VARIANCE)
    sizes = 100.0 ** inputs[:, 3:].max(axis=0)
    largest = (float(sizes[0]), float(sizes[1]))
    return Surrogate(replace(field, coefficients=np.column_stack([mean, spreads])), largest, noise)


@dataclass(frozen=True, slots=True)
class _Move:
    """A change of the level in UNIT steps, as it was recorded."""

    inputs: Numbers
    change: float
    parts: int  # so many such moves lie between two measurements; they share the change
    measuring: float  # variance of the whole change that comes from measuring it


def _moves(curve: Numbers, noise: Numbers) -> Iterator[_Move]:
    member = Member(level_of(LOWEST), 0, _SIZE**2, _SIZE**2)
    uncertain = 0.0  # variance of that level
    for row in curve:
        lr_g, lr_d = 10.0 ** row[LOG_LR_G], 10.0 ** row[LOG_LR_D]
        score = (row[SCORE] + row[HELD_OUT]) / 2
        level, parts = level_of(score), round((row[STEP] - member.age) / UNIT)
        certain = _slope(score) ** 2 * float(np.interp(score, _NOISE_AT, noise)) ** 2 / 2
        ages = member.age + UNIT * np.arange(parts + 1)
        # Between measurements that are far apart, levels grow with the logarithm of the age.
        levels = np.interp(np.log(ages + _YOUNG), np.log(ages[[0, -1]] + _YOUNG), [member.level, level])
        known = parts == 1 or member.age > 0
        for before, after in pairwise(levels):
            member = replace(member, level=float(before))
            if known:
                yield _Move(_inputs(member, lr_g, lr_d), after - before, parts, uncertain + certain)
            member = _aged(member, float(after), lr_g, lr_d, UNIT)
        uncertain = certain


def _noise(curves: Curves) -> Numbers:
    """Return the standard deviation of one measurement at the scores of the table, from how two of them differ."""
    rows = np.concatenate(list(curves.values()))
    score, apart = (rows[:, SCORE] + rows[:, HELD_OUT]) / 2, rows[:, SCORE] - rows[:, HELD_OUT]
    nearest = np.abs(score[:, None] - _NOISE_AT).argmin(axis=1)
    return np.array([np.sqrt((apart[nearest == place] ** 2).mean() / 2) for place in range(len(_NOISE_AT))])


def _slope(score: float) -> float:
    """Return how fast the level grows with the score."""
    score = min(max(score, LOWEST), HIGHEST)
    return 1 / (score - LOWEST + _FLOOR) + 1 / (REAL - score)


def _aged(member: Member, level: float, lr_g: float, lr_d: float, steps: int) -> Member:
    return Member(level, member.age + steps, member.size_g + steps * lr_g**2, member.size_d + steps * lr_d**2)


def _inputs(member: Member, lr_g: float, lr_d: float) -> Numbers:
    size_g, size_d = 0.5 * math.log10(member.size_g), 0.5 * math.log10(member.size_d)
    return np.array([member.level, math.log10(lr_g) - size_g, math.log10(lr_d) - size_d, size_g, size_d])

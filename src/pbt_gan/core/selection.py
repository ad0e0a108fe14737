"""Selection that knows about noise: by what members are ranked, and what a copy must have in its favour.

Every rule of exploit, and every policy, ranks the members of a `PopulationView`. A `Selection` makes another view of
it, with other scores in the place of the latest ones, and may veto what a rule has chosen by that; so each works with
each.

A score here is a weighted sum of a line's last scores: the latest alone, their mean, or the end of a straight line
through them. So its standard error is that of one score times the root of the squared weights' sum.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, median
from types import MappingProxyType
from typing import Literal

from pbt_gan.core.ordered import Ordered
from pbt_gan.core.population import SCORES_KEPT, Member, PopulationView, rank_key
from pbt_gan.errors import ConfigError

Ranked = Literal["latest", "mean", "final"]

_TREND = 3  # scores
_MEDIAN_OF_SQUARES = 0.4549  # of a standard normal variable: the median of chi-squared with one degree of freedom


@dataclass(frozen=True, slots=True)
class Selection:
    """By what members are ranked, and what a copy must have in its favour. By default: the latest score, and nothing.

    Examples:
        >>> careful = Selection(by="mean", last=3, min_gap=2.0, warmup=0.1, min_age=500)
    """

    by: Ranked = "latest"  # or the mean of the line's last scores, or what those lead to at the end of the plan
    last: int = 3  # so many of them
    min_gap: float = 0.0  # by how many standard errors of the difference a donor must be better
    warmup: float = 0.0  # share of the budget before which nobody copies
    min_age: int = 0  # steps that a slot trains what it has copied before it may copy again
    repeats: int = 1  # at most so often the state of a member is scored on which a gap below the minimum depends

    def check(self) -> None:
        """Raise ConfigError where an option makes no sense."""
        least = {"latest": 1, "mean": 1, "final": _TREND}[self.by]
        if not least <= self.last <= SCORES_KEPT:
            raise ConfigError(
                f"pbt.selection.last = {self.last}: by {self.by!r} needs {least} or more, and a member keeps its last "
                f"{SCORES_KEPT} scores."
            )
        if not (math.isfinite(self.min_gap) and self.min_gap >= 0):
            raise ConfigError(f"pbt.selection.min_gap = {self.min_gap}: give a number of standard errors, such as 2.")
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"pbt.selection.warmup = {self.warmup}: a share of the budget lies in [0, 1).")
        if self.min_age < 0:
            raise ConfigError(f"pbt.selection.min_age = {self.min_age}: give a number of steps.")
        if self.repeats < 1:
            raise ConfigError(f"pbt.selection.repeats = {self.repeats}: give a number of measurements, such as 4.")
        if self.repeats > 1 and not self.min_gap:
            raise ConfigError(
                f"pbt.selection.repeats = {self.repeats} measures again who is closer to another than "
                "pbt.selection.min_gap; give that too, such as 1."
            )

    def seen(self, view: PopulationView, *, score_interval: int, total_steps: int) -> "Seen":
        """Return a population as this selection sees it.

        Args:
            view: as it was measured.
            score_interval: steps between two scores of a line.
            total_steps: the age of a line at its end; what `by = "final"` extrapolates to.
        """
        if self.by == "latest" or (self.by == "final" and any(map(_is_young, view.members.values()))):
            return Seen(view, view, {})
        weights = _mean if self.by == "mean" else _final(score_interval, total_steps)
        mapped: dict[int, Member] = {}
        factors: dict[int, float] = {}
        for member in view.members.values():
            own, factors[member.id] = _summed(member, self.last, weights)
            mapped[member.id] = member if own == member.score else replace(member, scores=(*member.scores[:-1], own))
        keys = Ordered(rank_key(member.score, member.id) for member in mapped.values() if member.scores)
        return Seen(view, replace(view, members=MappingProxyType(mapped), keys=keys), factors)


@dataclass(frozen=True)
class Seen:
    """A population as a selection sees it, and how certain that is."""

    measured: PopulationView
    ranked: PopulationView  # with the scores that rank
    factors: Mapping[int, float]  # of each member's standard error, for its score that ranks; missing: 1

    def as_ranked(self, member: Member) -> Member:
        """Return a member with the score that ranks it; one that is not in the view stays what it is."""
        return self.ranked.members.get(member.id, member)

    def original(self, member: Member) -> Member:
        """Return a member of the ranked view as it was measured; one from elsewhere stays what it is."""
        return self.measured.members[member.id] if self.ranked.members.get(member.id) is member else member

    def error(self, member: Member) -> float:
        """Return the standard error of a member's score that ranks; nan: nothing is known about it."""
        return self.measured_error(member) * self.factors.get(member.id, 1.0)

    def measured_error(self, member: Member) -> float:
        """Return the standard error of a member's latest score, as the task tells or all lines show; nan: unknown."""
        if member.score_error is None:
            return self._usual / math.sqrt(member.measurements)
        return member.score_error

    def close(self, one: Member, other: Member, errors: float) -> bool:
        """Whether two scores that rank are no more than so many standard errors of their difference apart."""
        both = one.healthy and other.healthy
        return both and abs(one.score - other.score) <= errors * math.hypot(self.error(one), self.error(other))

    def ahead(self, donor: Member, recipient: Member, errors: float) -> bool:
        """Whether a donor's score that ranks is more than so many standard errors of the difference the higher one.

        False where nothing is known about the errors: what must be shown is not. Members that diverged are behind.
        """
        if not recipient.healthy or not errors:
            return True
        gap = donor.score - recipient.score
        return gap > errors * math.hypot(self.error(donor), self.error(recipient))

    @cached_property
    def _usual(self) -> float:
        return usual_error(member.scores for member in self.measured.members.values())


def usual_error(lines: Iterable[Sequence[float]]) -> float:
    """Estimate the standard error of one score from the second differences of scores along lines; nan: too few.

    A straight trend has no second differences, and independent errors of variance v have ones of variance 6 v. All
    lines are taken together, since each has few scores; the median, since where a line has been copied, or its
    hyperparameters have moved, there may be a kink.

    Source: difference-based variance estimation, Gasser, Sroka and Jennen-Steinmetz 1986, section 2.

    >>> usual_error([[1.0, 2.0, 3.0, 4.0]])
    0.0
    """
    differences = [
        later - 2 * middle + earlier
        for scores in lines
        for earlier, middle, later in zip(scores, scores[1:], scores[2:], strict=False)
    ]
    squares = [difference * difference for difference in differences]  # by ** a large one would raise
    finite = [square for square in squares if math.isfinite(square)]
    return math.sqrt(median(finite) / (6 * _MEDIAN_OF_SQUARES)) if finite else math.nan


_Weights = Callable[[int, int], Sequence[float]]
"""Of a line's last n scores, oldest first, from n and from the age of the weights at the last."""


def _mean(count: int, step: int) -> Sequence[float]:
    return [1 / count] * count


def _final(score_interval: int, total_steps: int) -> _Weights:
    """Return the weights of least squares over the logarithm of the age, taken at the end.

    Learning curves are closer to straight lines there than over the age itself; where all there is to see is noise, the
    error grows as the extrapolation does.
    """

    def weights(count: int, step: int) -> Sequence[float]:
        ages = [step - score_interval * back for back in reversed(range(count))]
        places = [math.log(max(age, 1)) for age in ages]
        centre = fmean(places)
        spread = sum((place - centre) ** 2 for place in places)
        ahead = math.log(max(total_steps, step)) - centre
        return [1 / count + ahead * (place - centre) / spread for place in places]

    return weights


def _sound(member: Member) -> Sequence[float]:
    """Return a line's scores since it last diverged."""
    broken = [place for place, score in enumerate(member.scores) if not math.isfinite(score)]
    return member.scores[broken[-1] + 1 :] if broken else member.scores


def _is_young(member: Member) -> bool:
    """Whether a line shows no trend yet; beside what others lead to, its latest score would count for little."""
    return member.healthy and len(_sound(member)) < _TREND


def _summed(member: Member, last: int, weights: _Weights) -> tuple[float, float]:
    """Return the score that ranks a member, and what its standard error is multiplied by."""
    if not member.healthy:
        return member.score, 1.0
    scores = _sound(member)[-last:]
    own = weights(len(scores), member.step)
    total = sum(weight * score for weight, score in zip(own, scores, strict=True))
    # Scores of 1e300 overflow; whoever has one is healthy all the same.
    return (total, math.hypot(*own)) if math.isfinite(total) else (member.score, 1.0)

"""Hyperband: brackets of successive halving one after another, which stop members early, later, and never."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.records import Birth, Decision, Retire
from pbt_gan.core.rng import stream
from pbt_gan.core.space import draw
from pbt_gan.errors import ConfigError

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan


@dataclass(frozen=True, slots=True)
class Bracket:
    """Members that are born together, of whom the worse ones leave at each rung. All lengths are places in the plan."""

    begins: Sequence[int]  # of each member: 0, or later if it trains less than a whole line
    rungs: Sequence[int]  # where one in `eta` goes on
    ends: int

    def steps(self, eta: float) -> int:
        """Return how many steps all of them train together."""
        if not self.rungs:
            return sum(self.ends - begins for begins in self.begins)
        total, members = 0, len(self.begins)
        for before, after in pairwise([0, *self.rungs, self.ends]):
            total += members * (after - before)
            members = going_on(members, eta)
        return total


def going_on(members: int, eta: float) -> int:
    """Return how many go on from a rung."""
    return max(math.floor(members / eta), 1)


def brackets(members: int, total_steps: int, unit: int, eta: float) -> tuple[Bracket, ...]:
    """Return the brackets that spend as much as so many members which all train to the end.

    The first begins with all these members and stops them as early as can be. Each next one has its first rung where
    the one before had its second, and as many members as cost no more than the first bracket; the last has no rung.
    They go round until the next one would cost more than what is left; that is spent by members that nobody stops,
    each an equal part of it.

    Args:
        members: of the first bracket.
        total_steps: where a line ends.
        unit: of which all places are multiples, in steps.
        eta: by how much the members become fewer at a rung.

    >>> for bracket in brackets(4, 80, 10, eta=2):
    ...     print(len(bracket.begins), bracket.rungs, bracket.steps(2))
    4 (20, 40) 160
    3 (40,) 160
    """
    left, found = members * total_steps, list[Bracket]()
    most = math.floor(round(math.log(members, eta), 9))  # rounded: the logarithm of 125 to 5 is a hair below 3
    while True:
        halvings = most - len(found) % (most + 1)
        rungs = _rungs(halvings, total_steps, unit, eta)
        size = members
        while found and size > 1 and _bracket(size, rungs, total_steps).steps(eta) > found[0].steps(eta):
            size -= 1
        bracket = _bracket(size, rungs, total_steps)
        if bracket.steps(eta) > left:
            break
        found.append(bracket)
        left -= bracket.steps(eta)
    if left:
        others = -(-left // total_steps)
        each, more = divmod(left // unit, others)
        lengths = [(each + (number < more)) * unit for number in range(others)]
        found.append(Bracket([total_steps - length for length in lengths], (), total_steps))
    return tuple(found)


def _bracket(size: int, rungs: Sequence[int], total_steps: int) -> Bracket:
    return Bracket([0] * size, rungs, total_steps)


def _rungs(halvings: int, total_steps: int, unit: int, eta: float) -> tuple[int, ...]:
    """Return as many rungs, each `eta` times as far as the one before, of those that are different places."""
    places = {max(round(total_steps / eta**number / unit), 1) * unit for number in range(1, halvings + 1)}
    return tuple(sorted(place for place in places if place < total_steps))


class Hyperband(Policy):
    """Brackets of successive halving, since nobody knows how early a score says something: the control without copies.

    A bracket's members are drawn anew; it begins when the one before is down to its last rung. A member's
    `subpopulation` is the number of its bracket. In asynchronous runs a bracket waits at a rung for all of its own.

    Departs from the paper in two ways. A stopped line is not begun anew at the next rung but goes on, so a bracket is
    cheaper than the paper counts; sizes follow from what it really costs. And the budget is given: what is left when no
    bracket fits any more goes to random search, which is the paper's last bracket.

    Source: Li et al. 2018, arXiv:1603.06560, algorithm 1 and, for going round, section 3.4.

    Args:
        plan: of the run. Its members all trained to the end would cost as much; they are those of the first bracket.
        eta: by how much the members become fewer at a rung; the paper uses 3 or 4, for larger budgets than ours.

    Raises:
        ConfigError: the plan has phases, or `eta` makes no sense.
    """

    def __init__(self, plan: "Plan", *, eta: float = 2.0) -> None:
        if plan.phases:
            raise ConfigError(
                'pbt.policy = "hyperband" has sizes of its own; leave pbt.population and pbt.phases out, and give '
                "population_size and budget_steps."
            )
        if not (math.isfinite(eta) and eta > 1):
            raise ConfigError(f"pbt.policy.eta = {eta}: give a number above 1, such as 2 or 3.")
        self._plan = plan
        self._eta = eta
        self._brackets = brackets(plan.population_size, plan.total_steps, plan.score_interval, eta)

    def ready(self, member: Member, memory: Any) -> int:
        """Return the next rung of a member's bracket; beyond the last one nobody is due before the end."""
        rungs = self._brackets[member.subpopulation].rungs if member.subpopulation < len(self._brackets) else ()
        beyond = member.trained_steps + self._plan.total_steps
        return min((rung for rung in rungs if rung > member.trained_steps), default=beyond)

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Decision]:
        """Retire the worse ones of each bracket that stands at a rung with all who are left of it."""
        decisions: list[Decision] = []
        early = [member for member in due if not self._at_a_rung(member)]  # diverged, or of a run that got longer
        decisions += [kept(member) for member in early]
        arrived = [member for member in due if member not in early]
        for number in sorted({member.subpopulation for member in arrived}):
            here = [member for member in arrived if member.subpopulation == number]
            living = [member for member in view.current.values() if member.subpopulation == number]
            place = here[0].trained_steps
            if len(here) == len(living):
                decisions += self._rung(here, view)
                newest = max(member.subpopulation for member in view.current.values())
                if place == self._brackets[number].rungs[-1] and number == newest:
                    decisions += self._next(number + 1, view.next_id)
        return decisions

    def _at_a_rung(self, member: Member) -> bool:
        number = member.subpopulation
        return number < len(self._brackets) and member.trained_steps in self._brackets[number].rungs

    def _rung(self, here: Sequence[Member], view: PopulationView) -> list[Decision]:
        plan = self._plan
        seen = plan.strategy.selection.seen(view, score_interval=plan.score_interval, total_steps=plan.last_step)
        stay = going_on(len(here), self._eta)
        best = {member.id for member in seen.ranked.only({member.id for member in here}).ranking[-stay:]}
        reason = f"of {len(here)} members {stay} go on"
        return [
            kept(member, reason=reason)
            if member.id in best
            else Retire(member.id, member.interval, f"score {member.score:.5g}; {reason}")
            for member in here
        ]

    def _next(self, number: int, next_id: int) -> list[Birth]:
        """Return the births of a bracket, and of those after it for which nobody will be asked again."""
        births: list[Birth] = []
        for following in range(number, len(self._brackets)):
            for begins in self._brackets[following].begins:
                born = next_id + len(births)
                drawn = draw(self._plan.space, stream(self._plan.seed, "birth", born))
                birth = Birth(born, drawn, "drawn", subpopulation=following, trained_steps=begins, **self._plan.fresh)
                births.append(birth)
            if self._brackets[following].rungs:
                break
        return births

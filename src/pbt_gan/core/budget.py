"""The budget of a run: all steps of all members, and how many members share it from when on.

A population of P spends 1/P of its budget on the winner. One that shrinks looks at many settings while they are cheap,
and gives what is left to few.

Places in a plan are counted in steps of a *line*: of a member that lives from the beginning to the end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Newcomers = Literal["winners", "fresh"]
"""Of whom members are born where a population grows: of the best, explored; or of nobody, drawn from the space."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the plan with so many members. It lasts until the next one begins, or to the end.

    Fewer members than before: the worst retire where it begins. More: others are born there.
    """

    begins: int  # a place in the plan
    members: int
    newcomers: Newcomers = "winners"


Shares = Sequence[tuple[float, int]]
"""From which share of the budget on, how many members; the first begins at 0."""


def halving(members: int, *, eta: float = 2.0, share: float = 1 / 3, last: int = 1) -> tuple[tuple[float, int], ...]:
    """Return the shares of successive halving: rungs of equal cost, after each of which one in `eta` goes on.

    Source: Karnin, Koren and Somekh 2013, ICML 28, algorithm 1; Jamieson and Talwalkar 2016, arXiv:1502.07943.

    Args:
        members: at the start.
        eta: by how much the population shrinks at a time; above 1.
        share: of the budget, that is spent before the last ones are alone.
        last: how many they are.

    >>> halving(8, share=0.3)
    ((0.0, 8), (0.1, 4), (0.2, 2), (0.3, 1))
    """
    sizes = [members]
    while sizes[-1] > last:
        sizes.append(max(math.floor(sizes[-1] / eta), last))
    rungs = max(len(sizes) - 1, 1)
    return tuple((round(share * rung / rungs, 9), size) for rung, size in enumerate(sizes))


def total_steps(shares: Shares, budget_steps: int, unit: int) -> int:
    """Return where the plan of a budget ends: the longest with which all members train at most that many steps.

    Args:
        shares: as above.
        budget_steps: of all members together.
        unit: of which all places are multiples, in steps; at least one of it is trained in every phase.
    """
    begun = phases(shares, budget_steps, unit)
    spent, last = member_steps(begun[0].members, begun[1:], begun[-1].begins), begun[-1]
    return last.begins + max((budget_steps - spent) // (last.members * unit), 1) * unit


def budget_of(shares: Shares, total_steps: int) -> int:
    """Return the budget with which a line that lives to the end trains so many steps, roundings apart."""
    return round(total_steps / sum(width / members for width, members in _widths(shares)))


def phases(shares: Shares, budget_steps: int, unit: int) -> tuple[Phase, ...]:
    """Return the phases of a budget, the first at place 0.

    >>> [(phase.begins, phase.members) for phase in phases([(0, 8), (0.5, 1)], 1_600, 50)]
    [(0, 8), (100, 1)]
    """
    found, place = [], 0
    for width, members in _widths(shares):
        found.append(Phase(place, members))
        place += max(round(width * budget_steps / members / unit), 1) * unit
    return tuple(found)


def member_steps(population_size: int, later: Sequence[Phase], total_steps: int) -> int:
    """Return how many steps all members train together.

    >>> member_steps(8, [Phase(100, 1)], 900)
    1600
    """
    return sum(phase.members * (ends - phase.begins) for phase, ends in spans(population_size, later, total_steps))


def spans(population_size: int, later: Sequence[Phase], total_steps: int) -> list[tuple[Phase, int]]:
    """Return every phase, the first one too, and where it ends.

    >>> [(phase.members, phase.begins, ends) for phase, ends in spans(8, [Phase(100, 1)], 900)]
    [(8, 0, 100), (1, 100, 900)]
    """
    bounds = [Phase(0, population_size), *later, Phase(total_steps, 0)]
    return [(phase, after.begins) for phase, after in pairwise(bounds)]


def _widths(shares: Shares) -> list[tuple[float, int]]:
    ends = [*(begins for begins, _ in shares[1:]), 1.0]
    return [(end - begins, members) for (begins, members), end in zip(shares, ends, strict=True)]

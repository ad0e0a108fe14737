"""What happens where a phase of the budget begins: the worst leave for good, or others are born of the best.

Where all arrive together, as in synchronous training, this is successive halving. Where each comes at its own time, it
is asynchronous halving: of those who have arrived so far as large a share goes on as of all will, the best ones, and
the others wait. The last arrival settles it, so both spend the same budget.

Source: Karnin, Koren and Somekh 2013, ICML 28, algorithm 1; asynchronously Li et al. 2020, arXiv:1810.05934,
algorithm 2, without its new arrivals at the bottom.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pbt_gan.core.budget import Phase
from pbt_gan.core.population import Member, rank_key

Arrived = Mapping[str, Sequence[int]]
"""By the place of a turn: those who went on from there while others were still on their way."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Where the number of members changes."""

    place: int
    before: int  # members
    after: int


@dataclass(frozen=True, slots=True)
class Succession:
    """What becomes of those who stand at a turn."""

    stay: Sequence[Member]  # best first
    leave: Sequence[Member]
    parents: Sequence[Member | None]  # of each one who is born; None: nobody here could be one
    arrived: Arrived  # to remember; empty: nothing


def turn_at(population_size: int, phases: Sequence[Phase], place: int) -> Turn | None:
    """Return the turn at a place of the plan; None: there is none."""
    before = population_size
    for phase in phases:
        if phase.begins == place:
            return Turn(place, before, phase.members)
        before = phase.members
    return None


def next_turn(phases: Sequence[Phase], place: int) -> float:
    """Return the first turn after a place; inf: there is none."""
    return min((phase.begins for phase in phases if phase.begins > place), default=math.inf)


def _as_it_is(member: Member) -> Member:
    return member


def succession(
    turn: Turn, here: Sequence[Member], arrived: Arrived, seen: Callable[[Member], Member] = _as_it_is
) -> Succession:
    """Return who goes on of those who stand at a turn; whoever neither stays nor leaves waits for others.

    Args:
        turn: where they stand.
        here: all who wait there.
        arrived: as it was returned last.
        seen: returns a member with the score that ranks it.

    >>> better, worse = (Member(n, {}, 1, 5, 5, scores=(n,)) for n in (7, 3))
    >>> found = succession(Turn(place=5, before=2, after=1), [worse, better], {})
    >>> [m.id for m in found.stay], [m.id for m in found.leave]
    ([7], [3])
    """
    stayed = arrived.get(str(turn.place), ())
    best_first = sorted(here, key=lambda member: rank_key(seen(member).score, member.id), reverse=True)
    so_far = len(stayed) + len(here)
    complete = so_far >= turn.before
    if turn.after < turn.before:
        going = (turn.after if complete else _share(so_far, turn.after, turn.before)) - len(stayed)
        stay, parents = best_first[: max(going, 0)], []
    else:
        more = turn.after - turn.before
        stay = best_first
        healthy = [member for member in stay if seen(member).healthy]
        parents = _parents(healthy, _share(so_far, more, turn.before) - _share(len(stayed), more, turn.before))
    leave = best_first[len(stay) :] if complete else []
    others = {place: members for place, members in arrived.items() if place != str(turn.place)}
    went = [*stayed, *(member.id for member in stay)]
    return Succession(stay, leave, parents, others if complete or not went else {**others, str(turn.place): went})


def _share(arrived: int, part: int, whole: int) -> int:
    return arrived * part // whole


def _parents(healthy: Sequence[Member], count: int) -> list[Member | None]:
    """Share births out among the healthy ones, the best first."""
    return [healthy[number % len(healthy)] if healthy else None for number in range(count)]

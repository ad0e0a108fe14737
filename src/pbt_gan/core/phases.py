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

from pbt_gan.core.budget import Newcomers, Phase
from pbt_gan.core.population import Member, rank_key
from pbt_gan.core.state import State

Arrived = Mapping[str, Sequence[int]]
"""By the place of a turn: those who went on from there while others were still on their way."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Where the number of members changes."""

    place: int
    before: int  # members
    after: int
    newcomers: Newcomers = "winners"  # where there are more after it


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
            return Turn(place, before, phase.members, phase.newcomers)
        before = phase.members
    return None


def next_turn(phases: Sequence[Phase], place: int) -> float:
    """Return the first turn after a place; inf: there is none."""
    return min((phase.begins for phase in phases if phase.begins > place), default=math.inf)


def open_place(state: State, ready_interval: int) -> int:
    """Return the first ready point at which nobody was decided about yet: where one more phase can begin.

    Somebody may stand there and wait; whoever is before it will come.
    """
    undecided = {*state.waiting, *state.measuring}
    beyond = max((member.trained_steps + (member.id not in undecided) for member in state.members.values()), default=1)
    return math.ceil(beyond / ready_interval) * ready_interval


def _as_it_is(member: Member) -> Member:
    return member


def succession(
    turn: Turn,
    here: Sequence[Member],
    arrived: Arrived,
    seen: Callable[[Member], Member] = _as_it_is,
    everybody: Sequence[Member] | None = None,
) -> Succession:
    """Return who goes on of those who stand at a turn; whoever neither stays nor leaves waits for others.

    Args:
        turn: where they stand.
        here: all who wait there.
        arrived: as it was returned last.
        seen: returns a member with the score that ranks it.
        everybody: who may be a parent, wherever they stand: who comes first need not be one; None: those who are here.

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
        born, due = (_share(count, more, turn.before) for count in (len(stayed), so_far))
        parents = _parents(here if everybody is None else everybody, seen, born, due)
    leave = best_first[len(stay) :] if complete else []
    others = {place: members for place, members in arrived.items() if place != str(turn.place)}
    went = [*stayed, *(member.id for member in stay)]
    return Succession(stay, leave, parents, others if complete or not went else {**others, str(turn.place): went})


def _share(arrived: int, part: int, whole: int) -> int:
    return arrived * part // whole


def _parents(members: Sequence[Member], seen: Callable[[Member], Member], born: int, due: int) -> list[Member | None]:
    """Share births out among the healthy ones, the best first; the first so many are born already."""
    healthy = [member for member in members if seen(member).healthy]
    healthy.sort(key=lambda member: rank_key(seen(member).score, member.id), reverse=True)
    return [healthy[number % len(healthy)] if healthy else None for number in range(born, due)]

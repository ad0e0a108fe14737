"""Synchronous and asynchronous: when members may train, and when those that wait are decided about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pbt_gan.core.plan import Mode
from pbt_gan.core.state import State


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What sets one mode apart from the other."""

    may_train: Callable[[State, int], Sequence[tuple[int, int]]]  # which of the free ones, at most so many
    may_decide: Callable[[State], bool]
    gathers: bool  # whether all who are decided about together stand at one place of the plan


def barrier(state: State) -> int:
    """Return the next place at which anybody is decided about."""
    return state.dues[0][0] if state.dues else 0


def _up_to_the_next(state: State, count: int) -> Sequence[tuple[int, int]]:
    """Synchronous: nobody passes the next ready point of anybody, or decisions there would depend on who is fast."""
    return state.free.first(count, below=(barrier(state), -1))


def _together(state: State) -> bool:
    """Synchronous: all who are due decide at once, when nobody is under way any more."""
    under_way = state.pending or state.measuring
    return bool(state.waiting) and not under_way and not _up_to_the_next(state, 1)


def _everybody(state: State, count: int) -> Sequence[tuple[int, int]]:
    """Asynchronous: whoever is free trains."""
    return state.free.first(count)


def _at_once(state: State) -> bool:
    """Asynchronous: whoever arrives decides, against what everybody has measured last."""
    return bool(state.waiting)


MODES: Mapping[Mode, Rhythm] = {
    "sync": Rhythm(_up_to_the_next, _together, gathers=True),
    "async": Rhythm(_everybody, _at_once, gathers=False),
}

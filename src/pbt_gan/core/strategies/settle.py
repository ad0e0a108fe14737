"""Explore that settles: large moves at first, small ones at the end, and further along where moves have helped."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from numpy.random import Generator

from pbt_gan.core.explore import EXPLORE, FACTORS, Context
from pbt_gan.core.population import Hyperparams, Stretch, Value
from pbt_gan.core.registry import register
from pbt_gan.core.space import Choice, Domain, Space, check_factors
from pbt_gan.errors import ConfigError

_GROWTH, _SHRINKAGE = 1.2, 0.5  # of a step, after a move that helped and after one that did not
_SMALLEST, _LARGEST = 1 / 8, 4.0  # a step, in moves of `perturb`
_FARTHEST = 2.0  # what is drawn of one move, in steps
_DIGITS = 6  # of what is remembered: it stands in the journal


@register(EXPLORE, looks_back=True)
def settle(
    hyperparams: Hyperparams,
    space: Space,
    rng: Generator,
    *,
    context: Context,
    memory: Any = None,
    factors: Sequence[float] = FACTORS,
    floor: float = 0.1,
    momentum: float = 0.5,
) -> tuple[dict[str, Value], Any]:
    """Move each hyperparameter by a normal draw around where moves have helped, times a step of its own.

    A move's length is `step × anneal × (drift + normal)`, in moves of `perturb` (the logarithm of its factor, or the
    domain's own step):

    - `anneal` falls with the share of budget left, from 1 to `floor`.
    - A move has *helped* if the line gained more since than the median of the others at the same places. `drift`, the
      evolution path, is the mean of the moves that helped, older ones weighing `momentum` times less; others only let
      it fade.
    - `step` grows by 1.2 for a move that helped and halves for one that did not, by as much of that as the
      hyperparameter took part. Slowly up and quickly down, since a donor was lucky as well: where scores are noise, its
      last move "helped" in nine of ten cases, and a step still stays within a factor of 3 in 30 moves.

    A recipient goes on from its donor's drift and steps. A choice has no direction: it moves with the probability
    `anneal`. At a bound a value moves away from it.

    Sources: the constants are those of Rprop (Riedmiller and Braun 1993, section III), applied to outcomes instead of
    signs of gradients; the path is that of evolution strategies (Hansen and Ostermeier 2001, equation 13), without
    their covariances.
    """
    check_factors("pbt.explore.factors", factors)
    if not 0 <= floor <= 1:
        raise ConfigError(f"pbt.explore.floor = {floor}: the share of a move that is left at the end lies in [0, 1].")
    if not 0 <= momentum < 1:
        raise ConfigError(f"pbt.explore.momentum = {momentum}: choose 0 (no memory of directions) to below 1.")
    remembered: Mapping[str, Any] = memory or {}
    habits = _habits(remembered, space, context, momentum)
    anneal = floor + (1 - floor) * context.budget_left
    moved: dict[str, Value] = {}
    taken = {}
    for name in sorted(space):
        domain, value = space[name], hyperparams[name]
        step, drift = habits[name]
        units = drift + min(max(float(rng.normal()), -_FARTHEST), _FARTHEST)
        units = _inwards(domain, value, units)
        reach = anneal if isinstance(domain, Choice) else step * anneal * units
        moved[name] = domain.shifted(value, reach, factors, rng)
        taken[name] = units if moved[name] != value else 0.0
    own = {
        "at": context.member.interval,
        "move": _rounded(taken),
        "step": _rounded({name: step for name, (step, _) in habits.items()}),
        "drift": _rounded({name: drift for name, (_, drift) in habits.items()}),
    }
    living = {key: value for key, value in remembered.items() if int(key) in context.view.members}
    return moved, {**living, str(context.member.id): own}


def helped(stretches: Sequence[Stretch], member: int, after: int, upto: int) -> bool | None:
    """Whether a slot's line gained more in the intervals from `after` (exclusive) to `upto` than others there.

    Compared is each stretch with the median of those of other members that begin at the same place, as far as they were
    reported since; where there are none, with no gain at all. None: the slot has no stretch there.

    Examples:
        >>> def stretch(member, before, after):
        ...     return Stretch(member, 1, 0, 10, 0, {}, before, after)
        >>> log = [stretch(0, 1.0, 3.0), stretch(1, 2.0, 5.0), stretch(2, 2.0, 3.0)]
        >>> helped(log, 1, 0, 1), helped(log, 2, 0, 1), helped(log, 3, 0, 1)
        (True, False, None)
    """
    own: dict[int, float] = {}
    others = defaultdict[int, list[float]](list)
    for stretch in reversed(stretches):
        gain = stretch.after - stretch.before
        if stretch.member != member:
            others[stretch.begins].append(gain)
        elif stretch.interval <= after:
            break
        elif stretch.interval <= upto:
            own[stretch.begins] = gain
    if not own:
        return None
    usual = {place: [gain for gain in others[place] if math.isfinite(gain)] for place in own}
    # A line that diverged gained nan, which is above nothing.
    return sum(gain - (median(usual[place]) if usual[place] else 0.0) for place, gain in own.items()) > 0


def _habits(
    memory: Mapping[str, Any], space: Space, context: Context, momentum: float
) -> Mapping[str, tuple[float, float]]:
    """Return step and drift of each hyperparameter, with what has become known of the last move."""
    source = context.donor or context.member
    known = memory.get(str(source.id))
    if known is None:
        return dict.fromkeys(space, (1.0, 0.0))
    success = helped(context.view.stretches, source.id, known["at"], source.interval)
    habits = {}
    for name in space:
        step, drift, move = (known[what].get(name, usual) for what, usual in (("step", 1), ("drift", 0), ("move", 0)))
        if success is not None:  # else that move came after the state that is gone on from
            part = min(abs(move), 1.0)
            step = min(max(step * (_GROWTH if success else _SHRINKAGE) ** part, _SMALLEST), _LARGEST)
            drift = momentum * drift + (1 - momentum) * (move if success else 0.0)
        habits[name] = (float(step), float(drift))
    return habits


def _inwards(domain: Domain, value: Value, units: float) -> float:
    """Return a move that leads away from a bound on which the value lies."""
    if isinstance(domain, Choice):
        return units
    assert isinstance(value, int | float)
    low, high = domain.bounds
    return abs(units) if value <= low else -abs(units) if value >= high else units


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in values.items()}

"""Hyperparameters by step, as data: what PBT found, what a person made by hand, what is trained again."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pbt_gan.core.lineage import Segment
from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.core.space import Domain, Float, Space
from pbt_gan.errors import ConfigError, instead

Decay = Literal["linear", "exponential", "cosine"]
Slot = tuple[int, int]
"""Member and interval: whose random streams train an order."""


@dataclass(frozen=True, slots=True)
class Row:
    """What holds from a step on, until the next row."""

    step: int  # since the run began
    values: Hyperparams  # or factors, in a relative schedule
    slot: Slot | None = None  # in a replay: train with the random numbers of this slot


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rows by step, the first at step 0.

    `relative`: a row's values are factors of what the member has by itself. Hyperparameters that no row names are
    the member's own.
    """

    rows: tuple[Row, ...]
    relative: bool = False

    def at(self, step: int) -> Row:
        """Return the row in force at a step: the age of the weights, less that of what the run started from."""
        return self.rows[max(bisect_right(self.rows, step, key=lambda row: row.step) - 1, 0)]

    def applied(self, hyperparams: Hyperparams, space: Space, step: int) -> Hyperparams:
        """Return a member's hyperparameters with the schedule laid over them; products are clipped to the bounds."""
        values = self.at(step).values
        if self.relative:
            values = {name: _times(space[name], hyperparams[name], factor) for name, factor in values.items()}
        return {**hyperparams, **values}

    def check(self, space: Space) -> None:
        """Raise ConfigError where the schedule does not fit the space."""
        steps = [row.step for row in self.rows]
        if not steps or steps[0] != 0 or steps != sorted(set(steps)):
            raise ConfigError(f"pbt.schedule has rows at the steps {steps}: begin at step 0 and go up.")
        for row in self.rows:
            for name, value in row.values.items():
                where = f"pbt.schedule, step {row.step}: {name} = {value!r}"
                if name not in space:
                    raise ConfigError(f"{where}, which is not evolved here.{instead(name, space, 'Evolved are')}")
                if self.relative:
                    _check_factor(where, space[name], value)
                elif not space[name].contains(value):
                    raise ConfigError(f"{where} lies outside of {space[name]}.")


def replay(ancestry: Sequence[Segment], *, same_streams: bool) -> Schedule:
    """Return the schedule along a lineage, a row an order.

    Args:
        ancestry: as `History.ancestry` gives it.
        same_streams: train each order with the random numbers of the slot that trained it. One member that begins with
            the same seed then ends with the same weights.
    """
    first = ancestry[0].start_step  # of what the run started from
    return Schedule(
        tuple(
            Row(each.start_step - first, each.hyperparams, (each.member, each.interval) if same_streams else None)
            for each in ancestry
        )
    )


def stretched(schedule: Schedule, length: int, total_steps: int, unit: int) -> Schedule:
    """Return a schedule that was made for a training of some length as one for another length.

    Args:
        schedule: what was found.
        length: steps of the training in which it was found, at least 1.
        total_steps: of the one that is to follow it.
        unit: steps of which every row's place is a multiple; of rows that come to one place the last one holds.

    >>> rows = stretched(Schedule((Row(0, {"lr": 0.1}), Row(150, {"lr": 0.2}))), 200, 1_000, 100).rows
    >>> [row.step for row in rows]
    [0, 800]
    """
    placed = {round(row.step * total_steps / length / unit) * unit: row for row in schedule.rows}
    return replace(schedule, rows=tuple(replace(row, step=step) for step, row in sorted(placed.items())))


_FACTOR: Mapping[Decay, Callable[[float, float], float]] = {  # of the final factor and the share of the way
    "linear": lambda to, share: 1 - (1 - to) * share,
    "exponential": lambda to, share: to**share,
    "cosine": lambda to, share: to + (1 - to) * (1 + math.cos(math.pi * share)) / 2,
}


def decay(
    shape: Decay, names: Sequence[str], to: float, *, total_steps: int, every: int, hold: float = 0.0
) -> Schedule:
    """Return a decay from what each member began with to `to` times that, as a staircase.

    A decay that holds first keeps a rate high for as long as it pays; source: Hägele et al. 2024, arXiv:2405.18392.

    Args:
        shape: of the way down.
        names: what decays.
        to: the factor at the end, above 0.
        total_steps: the length of the way.
        every: steps of a stair, which has the value of its middle.
        hold: share of the way before it begins.
    """
    rows = []
    for step in range(0, total_steps, every):
        share = (min(step + every / 2, total_steps) / total_steps - hold) / (1 - hold)
        rows.append(Row(step, dict.fromkeys(names, _FACTOR[shape](to, max(share, 0.0)))))
    return Schedule(tuple(rows), relative=True)


def _times(domain: Domain, value: Value, factor: Value) -> float:
    assert isinstance(domain, Float)
    assert isinstance(value, int | float)
    assert isinstance(factor, int | float)
    return domain.clipped(value * factor)


def _check_factor(where: str, domain: Domain, factor: Value) -> None:
    if not isinstance(domain, Float):
        raise ConfigError(f"{where} is a factor, but only real numbers can be multiplied; name those in `of`.")
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not (math.isfinite(factor) and factor > 0):
        raise ConfigError(f"{where} is a factor and must be a number above 0.")

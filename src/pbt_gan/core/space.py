"""The search space: what each hyperparameter may be, how it is drawn, and how it moves.

A domain separates `init` (where members begin: a value, a list of values, or a range) from `bounds` (what a move may
never leave). A move that would leave the bounds ends at them, so a move up never leads down. At a bound only moves that
lead away from it are drawn: otherwise a value would stick there, half of all its moves changing nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from numpy.random import Generator

from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.errors import ConfigError, instead, unfit

Scale = Literal["linear", "log", "logit", "complement"]
Direction = Literal["down", "up"]


@dataclass(frozen=True, slots=True)
class Range:
    """Draw between two values, uniformly in the coordinates of the domain's scale.

    Examples:
        >>> half_of_them_below_a_thousandth = Float(Range(1e-4, 1e-2), bounds=(1e-6, 1.0), scale="log")
    """

    low: float
    high: float


def _coordinate(value: float, scale: Scale) -> float:
    if scale == "log":
        return math.log(value)
    if scale == "logit":
        return math.log(value / (1 - value))
    if scale == "complement":
        return -math.log1p(-value)
    return value


def _value(coordinate: float, scale: Scale) -> float:
    if scale == "log":
        return math.exp(coordinate)
    if scale == "logit":
        return 1 / (1 + math.exp(-coordinate))
    if scale == "complement":
        return -math.expm1(-coordinate)
    return coordinate


def _factor(units: float, factors: Sequence[float]) -> float:
    """Return the factor of so many moves by factors like these, in either direction."""
    unit = sum(abs(math.log(factor)) for factor in factors) / len(factors)
    return math.exp(min(max(units * unit, -_LARGEST_LOG), _LARGEST_LOG))


_LARGEST_LOG = 700.0  # whose exp is still a number

_Number = TypeVar("_Number", int, float)


def _drawn(targets: Sequence[_Number], value: _Number, rng: Generator) -> _Number:
    """Draw where a move leads: one of the targets that are another value; the same value if there is none."""
    others = [target for target in targets if target != value]
    return others[rng.integers(len(others))] if others else value


@dataclass(frozen=True, slots=True)
class Float:
    """A real number.

    It moves by a factor, in `log` scale, in `logit` scale (the odds x / (1 - x) are multiplied), in `complement` scale
    (1 - x is divided) and in `linear` scale with bounds above 0. Otherwise, since no factor leads away from 0, it moves
    by plus or minus `step`.

    Examples:
        >>> rate = Float(Range(1e-4, 1e-2), bounds=(1e-6, 1.0), scale="log")  # begins between, moves anywhere up to 1
        >>> momentum = Float(0.9, bounds=(0.5, 0.999), scale="logit")  # always begins at 0.9
        >>> beta2 = Float(Range(0.9, 0.999), bounds=(0.5, 0.9999), scale="complement")  # 1 - beta2 by decades
        >>> shift = Float((-0.1, 0.1), bounds=(-1.0, 1.0), step=0.05)  # begins at one of two values
        >>> steep = Float(0.1, bounds=(1e-4, 1.0), scale="log", safer="down")  # where a member diverges, it falls
    """

    init: float | tuple[float, ...] | Range
    bounds: tuple[float, float]
    scale: Scale = "linear"
    factors: tuple[float, ...] | None = None  # None: those of the explore rule
    step: float | None = None  # None: a tenth of the bounds' width
    safer: Direction | None = None  # where it moves when a member has diverged; None: as it explores

    def check(self, name: str) -> None:
        """Raise ConfigError where the declaration contradicts itself."""
        _check_name(name)
        low, high = self.bounds
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ConfigError(f"space.{name}.bounds = {[low, high]}: give two finite numbers, the lower one first.")
        if self.scale == "log" and low <= 0:
            raise ConfigError(f"space.{name}.bounds = {[low, high]}, but a log scale needs bounds above 0.")
        if self.scale == "logit" and not 0 < low < high < 1:
            raise ConfigError(f"space.{name}.bounds = {[low, high]}, but a logit scale needs bounds inside (0, 1).")
        if self.scale == "complement" and high >= 1:
            raise ConfigError(f"space.{name}.bounds = {[low, high]}, but a complement scale needs bounds below 1.")
        _check_factors(name, self.factors)
        if self.step is not None and not (math.isfinite(self.step) and self.step > 0):
            raise ConfigError(f"space.{name}.step = {self.step}: a step is a number above 0.")
        _check_safer(name, self.safer)
        _check_init(name, self.init, self.bounds)

    def contains(self, value: Value) -> bool:
        """Whether a value has the right type and lies within the bounds."""
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and self.bounds[0] <= value <= self.bounds[1]
        )

    def draw(self, rng: Generator) -> float:
        """Draw a value from `init`."""
        if isinstance(self.init, Range):
            low, high = (_coordinate(end, self.scale) for end in (self.init.low, self.init.high))
            return self._within(_value(float(rng.uniform(low, high)), self.scale), self.init.low, self.init.high)
        if isinstance(self.init, tuple):
            return float(self.init[rng.integers(len(self.init))])
        return float(self.init)

    def perturb(self, value: Value, factors: Sequence[float], rng: Generator) -> float:
        """Move a value by one of the factors, or by a step, drawn uniformly from those that lead to another value."""
        assert isinstance(value, int | float)
        if self._by_steps:
            targets = [self.clipped(float(value) - self._step), self.clipped(float(value) + self._step)]
        else:
            targets = [self._times(float(value), factor) for factor in self.factors or factors]
        return _drawn(targets, float(value), rng)

    def _times(self, value: float, factor: float) -> float:
        """Return where a factor leads; nowhere else at a bound."""
        if self.scale == "linear":
            moved = value * factor
        else:
            low, high = (_coordinate(bound, self.scale) for bound in self.bounds)
            moved = _value(min(max(_coordinate(value, self.scale) + math.log(factor), low), high), self.scale)
        # exp(log(x)) may miss x by a rounding: at a bound it would seem to lead inwards.
        return self.clipped(max(moved, value) if factor > 1 else min(moved, value))

    def shifted(self, value: Value, units: float, factors: Sequence[float], rng: Generator) -> float:
        """Move a value by so many units, down if it is a number below 0; one unit is as far as `perturb` moves it."""
        assert isinstance(value, int | float)
        if self._by_steps:
            return self.clipped(float(value) + units * self._step)
        moved = self._times(float(value), _factor(units, self.factors or factors))
        # A move below what a number can tell may come back from the scale's coordinates on the other side.
        return moved if (moved > value) == (units > 0) else float(value)

    @property
    def _by_steps(self) -> bool:
        return self.scale == "linear" and self.bounds[0] <= 0

    @property
    def _step(self) -> float:
        return self.step if self.step is not None else 0.1 * (self.bounds[1] - self.bounds[0])

    def clipped(self, value: float) -> float:
        """Return the nearest value within the bounds."""
        return self._within(value, *self.bounds)

    def middle(self) -> float:
        """Return one value for `init`: the middle of a range in the scale's coordinates, or of a sorted list."""
        if isinstance(self.init, Range):
            low, high = (_coordinate(end, self.scale) for end in (self.init.low, self.init.high))
            return self._within(_value((low + high) / 2, self.scale), self.init.low, self.init.high)
        return float(_middle_of(self.init))

    def unit(self, value: Value) -> float:
        """Return where a value lies between the bounds, in [0, 1], in the scale's coordinates.

        >>> round(Float(1.0, bounds=(0.01, 1.0), scale="log").unit(0.1), 9)
        0.5
        """
        assert isinstance(value, int | float)
        low, high = (_coordinate(bound, self.scale) for bound in self.bounds)
        return min(max((_coordinate(self.clipped(value), self.scale) - low) / (high - low), 0.0), 1.0)

    def from_unit(self, unit: float) -> float:
        """Return the value at a place between the bounds; one outside of [0, 1] ends at a bound."""
        low, high = (_coordinate(bound, self.scale) for bound in self.bounds)
        return self.clipped(_value(low + min(max(unit, 0.0), 1.0) * (high - low), self.scale))

    @staticmethod
    def _within(value: float, low: float, high: float) -> float:
        return float(min(max(value, low), high))  # a float also where the bounds are whole numbers


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number. It moves by a factor, rounded, and by at least one in the factor's direction.

    Examples:
        >>> n_critic = Integer(Range(1, 5), bounds=(1, 10))
    """

    init: int | tuple[int, ...] | Range
    bounds: tuple[int, int]
    factors: tuple[float, ...] | None = None
    safer: Direction | None = None

    def check(self, name: str) -> None:
        """Raise ConfigError where the declaration contradicts itself."""
        _check_name(name)
        low, high = self.bounds
        if not (isinstance(low, int) and isinstance(high, int) and low < high):
            raise ConfigError(f"space.{name}.bounds = {[low, high]}: give two whole numbers, the lower one first.")
        _check_safer(name, self.safer)
        _check_factors(name, self.factors)
        _check_init(name, self.init, self.bounds)
        for value in _ends(self.init):
            if value != int(value):
                raise ConfigError(f"space.{name}.init holds {value!r}, but {name} is a whole number.")

    def contains(self, value: Value) -> bool:
        """Whether a value has the right type and lies within the bounds."""
        return isinstance(value, int) and not isinstance(value, bool) and self.bounds[0] <= value <= self.bounds[1]

    def draw(self, rng: Generator) -> int:
        """Draw a value from `init`; both ends of a range can be drawn."""
        if isinstance(self.init, Range):
            return int(rng.integers(int(self.init.low), int(self.init.high) + 1))
        if isinstance(self.init, tuple):
            return int(self.init[rng.integers(len(self.init))])
        return int(self.init)

    def perturb(self, value: Value, factors: Sequence[float], rng: Generator) -> int:
        """Move a value by one of the factors, drawn uniformly from those that lead to another value."""
        assert isinstance(value, int)
        return _drawn([self._times(value, factor) for factor in self.factors or factors], value, rng)

    def shifted(self, value: Value, units: float, factors: Sequence[float], rng: Generator) -> int:
        """Move a value by so many units, down if it is a number below 0; one unit is as far as `perturb` moves it.

        Where that ends between two whole numbers one of them is drawn, the nearer one more often: a small move is then
        a seldom one.
        """
        assert isinstance(value, int)
        reach = abs(value) * abs(_factor(units, self.factors or factors) - 1)
        # `perturb` moves by one at least, so that is its unit here too.
        target = value + math.copysign(min(max(reach, abs(units)), self.bounds[1] - self.bounds[0]), units)
        below = math.floor(target)
        moved = below + (rng.random() < target - below)
        return min(max(moved, self.bounds[0]), self.bounds[1])

    def _times(self, value: int, factor: float) -> int:
        """Return where a factor leads: above 1 it means up, also for 0 and for negative numbers."""
        scaled = round(value * factor)
        moved = max(value + 1, scaled) if factor > 1 else min(value - 1, scaled)
        return min(max(moved, self.bounds[0]), self.bounds[1])

    def middle(self) -> int:
        """Return one value for `init`: the middle of a range or of a sorted list, the lower one of two."""
        if isinstance(self.init, Range):
            return int(self.init.low + self.init.high) // 2
        return int(_middle_of(self.init))

    def unit(self, value: Value) -> float:
        """Return where a value lies between the bounds, in [0, 1]; evenly, as it is drawn."""
        assert isinstance(value, int | float)
        low, high = self.bounds
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def from_unit(self, unit: float) -> int:
        """Return the whole number nearest to a place between the bounds; one outside of [0, 1] ends at a bound."""
        low, high = self.bounds
        return min(max(round(low + unit * (high - low)), low), high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values without order. It moves to another one, drawn uniformly, or stays.

    Examples:
        >>> optimiser = Choice(("adam", "sgd"), init="adam")  # all begin with adam
        >>> nesterov = Choice((True, False), chance=0.2)  # four recipients of five keep that of their donors
    """

    values: tuple[Value, ...]
    init: Value | tuple[Value, ...] | None = None  # None: any of the values
    chance: float = 1.0  # that a move leads to another value

    def check(self, name: str) -> None:
        """Raise ConfigError where the declaration contradicts itself."""
        _check_name(name)
        if len(self.values) < 2 or len(set(map(repr, self.values))) < len(self.values):
            raise ConfigError(f"space.{name}.values = {list(self.values)}: give two different values or more.")
        for value in self._starts():
            if not self.contains(value):
                raise ConfigError(f"space.{name}.init = {value!r} is not among its values {list(self.values)}.")
        if not 0 < self.chance <= 1:
            raise ConfigError(f"space.{name}.chance = {self.chance}: the chance of a move lies above 0, and up to 1.")

    def contains(self, value: Value) -> bool:
        """Whether a value is one of the choices, of the same type."""
        return any(_same(value, own) for own in self.values)

    def code(self, value: Value) -> int:
        """Return the place of a value among the choices."""
        return next(code for code, own in enumerate(self.values) if _same(value, own))

    def draw(self, rng: Generator) -> Value:
        """Draw a value from `init`."""
        starts = self._starts()
        return starts[rng.integers(len(starts))]

    def perturb(self, value: Value, factors: Sequence[float], rng: Generator) -> Value:
        """Move to another value, by `chance`."""
        return self._another(value, rng) if self.chance == 1 or rng.random() < self.chance else value

    def shifted(self, value: Value, units: float, factors: Sequence[float], rng: Generator) -> Value:
        """Move to another value with a probability of so many units; one unit is `chance`. There is no direction."""
        return self._another(value, rng) if rng.random() < abs(units) * self.chance else value

    def middle(self) -> Value:
        """Return one value for `init`: the first, since there is no order."""
        return self._starts()[0]

    def _another(self, value: Value, rng: Generator) -> Value:
        others = [own for own in self.values if not _same(value, own)]
        return others[rng.integers(len(others))]

    def _starts(self) -> tuple[Value, ...]:
        if self.init is None:
            return self.values
        return self.init if isinstance(self.init, tuple) else (self.init,)


def _same(value: Value, other: Value) -> bool:
    """Whether two values are one, where 1, 1.0 and True are three."""
    return value == other and type(value) is type(other)


Domain = Float | Integer | Choice
Space = Mapping[str, Domain]


def draw(space: Space, rng: Generator) -> dict[str, Value]:
    """Draw every hyperparameter from its `init`, in the order of their names."""
    return {name: space[name].draw(rng) for name in sorted(space)}


def middles(space: Space) -> dict[str, Value]:
    """Return the one setting that stands for the whole of `init`: what a person who cannot search would take."""
    return {name: space[name].middle() for name in sorted(space)}


def check_values(space: Space, values: Hyperparams, where: str) -> None:
    """Raise ConfigError unless `values` gives every hyperparameter of the space a value within its domain."""
    for name, value in values.items():
        if name not in space:
            raise ConfigError(
                f"{where} names {name!r}, which is not evolved here.{instead(name, space, 'Evolved are')}"
            )
        if not space[name].contains(value):
            raise ConfigError(f"{where} sets {name} = {value!r}, outside of {space[name]}.")


def _check_name(name: str) -> None:
    if why := unfit(name):
        raise ConfigError(f"A hyperparameter is called {name!r}; {why}.")


def _check_factors(name: str, factors: tuple[float, ...] | None) -> None:
    if factors is not None:
        check_factors(f"space.{name}.factors", factors)


def _check_safer(name: str, safer: Direction | None) -> None:
    if safer not in (None, "down", "up"):
        raise ConfigError(f"space.{name}.safer = {safer!r}: say which way a member that diverged moves, down or up.")


def check_factors(where: str, factors: Sequence[float]) -> None:
    """Raise ConfigError unless all factors are finite, above 0 and not 1."""
    if not factors or any(not math.isfinite(factor) or factor <= 0 or factor == 1 for factor in factors):
        raise ConfigError(f"{where} = {list(factors)}: factors are numbers above 0 and not 1, such as [0.5, 2.0].")


def _check_init(name: str, init: float | tuple[float, ...] | Range, bounds: tuple[float, float]) -> None:
    if isinstance(init, tuple) and not init:
        raise ConfigError(f"space.{name}.init is an empty list; give a value, a list of values, or [low, high].")
    for value in _ends(init):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"space.{name}.init holds {value!r}, which is no number.")
        if not (math.isfinite(value) and bounds[0] <= value <= bounds[1]):
            raise ConfigError(
                f"space.{name}.init holds {value}, outside of its bounds {list(bounds)}. Mend one of the two."
            )
    if isinstance(init, Range) and init.low > init.high:
        raise ConfigError(f"space.{name}.init = {[init.low, init.high]}: give the lower end first.")


def _middle_of(init: float | tuple[float, ...]) -> float:
    values = sorted(_ends(init))
    return values[(len(values) - 1) // 2]


def _ends(init: float | tuple[float, ...] | Range) -> tuple[float, ...]:
    if isinstance(init, Range):
        return (init.low, init.high)
    return init if isinstance(init, tuple) else (init,)

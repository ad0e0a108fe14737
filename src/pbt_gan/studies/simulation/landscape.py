"""What answers orders in a simulation, in the place of a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from numpy.random import Generator

from pbt_gan.core.population import Hyperparams

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Measured:
    """What scoring a state came to."""

    score: float  # as selection sees it, with the noise of an evaluation; nan: it has diverged
    held_out: float  # measured once more, with noise of its own
    value: float  # what both are measurements of
    error: float | None = None  # standard error of either; None: there is none, or nobody knows


class Landscape(Protocol[S]):
    """A task of which nothing is left but how scores follow from what was trained; its states are never changed.

    All randomness comes from the generators that are handed in, so that equal seeds make equal runs.
    """

    @property
    def name(self) -> str:
        """What a table calls it."""
        ...

    @property
    def hyperparams(self) -> Sequence[str]:
        """Those that it answers to."""
        ...

    def begin(self, rng: Generator) -> S:
        """Return a new state."""
        ...

    def trained(self, state: S, hyperparams: Hyperparams, steps: int, rng: Generator) -> S:
        """Return a state after some steps."""
        ...

    def measured(self, state: S, rng: Generator) -> Measured:
        """Score a state."""
        ...

"""What a crew needs of a worker, whatever kind of worker it is, and what it hears of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, FailureKind
from pbt_gan.executors.exchange import Kept


@dataclass(frozen=True, slots=True)
class Ready:
    """It has built its task."""


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """It cannot build its task, nor could any other."""

    error: Exception  # as it is to be told


@dataclass(frozen=True, slots=True)
class Answered:
    """It has carried out an order, or failed to."""

    answer: Answer
    busy_s: float | None = None  # of the wall clock, since it began with all that it was given; None: it does not tell


@dataclass(frozen=True, slots=True)
class Alive:
    """It is there, and has nothing to say but where in a person's own code it is."""

    place: str = ""  # such as "task.py, line 9"; nothing: in none, or it does not know


@dataclass(frozen=True, slots=True)
class Lost:
    """It is gone, and with it what it was at."""

    reason: str  # goes on after its name: "was killed by SIGKILL"
    kind: FailureKind = "worker"


Event = Ready | Unbuilt | Answered | Alive | Lost


class Worker(Protocol):
    """Trains members somewhere: in a process of this machine, say, or on another one.

    A crew never waits for a worker. All of these return at once, except where the caller's own process is the worker.
    """

    @property
    def name(self) -> str:
        """What it is called, such as worker-0; its successor has the same name."""
        ...

    def train(self, orders: Sequence[Order], sources: Kept) -> None:
        """Begin these orders; `sources` has the states, for a worker that cannot reach them by itself.

        It is asked only when all its earlier orders are answered, and perhaps before it is ready.
        """
        ...

    def events(self) -> Sequence[Event]:
        """Return what has happened since; nothing at all while it gives no sign of life."""
        ...

    def close(self) -> None:
        """End it at once, whatever it does."""
        ...

"""An executor without wall time: for tests of controllers. Its workers' speed, failures and hours are a script."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure, FailureKind
from pbt_gan.executors.crew import Crew
from pbt_gan.executors.exchange import Kept, Memory
from pbt_gan.executors.work import NOTHING, attached, build, carry_out
from pbt_gan.executors.workers import Answered, Event, Lost, Ready
from pbt_gan.interfaces import TaskReference, TaskSource

Attempt = tuple[int, int, int]
"""Member, interval, attempt."""

Shift = tuple[float, float]
"""When a worker comes, and when it goes."""


class SimulatedExecutor(Crew):
    """Really trains a cheap task, here and at once, but answers in the order of a simulated clock.

    Args:
        task: an object or a reference.
        seed: of the run.
        folder: what the task has prepared.
        slots: how many members train side by side.
        duration: simulated seconds that an order takes in a slot, one a step if not given; inf: it never ends.
        failures: attempts that end in Failure, each with its kind; nothing is trained.
        shifts: when there is a worker in a slot, in simulated seconds; in a slot that is not named there always is.
            One that goes with an order under way is lost.
    """

    def __init__(
        self,
        task: TaskSource | TaskReference,
        *,
        seed: int,
        folder: Path = NOTHING,
        slots: int = 1,
        duration: Callable[[Order, int], float] = lambda order, slot: order.steps,
        failures: Mapping[Attempt, FailureKind] | None = None,
        shifts: Mapping[int, Sequence[Shift]] | None = None,
    ) -> None:
        self.now_s = 0.0
        """The simulated clock."""
        super().__init__(Memory(), posts=slots, clock=lambda: self.now_s)
        self._trainer = attached(build(task), folder, "cpu")
        self._seed = seed
        self._duration = duration
        self._failures = dict(failures or {})
        self._shifts = dict(shifts or {})
        self._workers: dict[int, _Scripted] = {}
        self._fill()

    def trained(self, order: Order, slot: int, worker: str, states: Kept) -> tuple[float, Answer]:
        """Return when an order that begins now will be answered, and how."""
        cost_s = self._duration(order, slot)
        kind = self._failures.get((order.member, order.interval, order.attempt))
        if kind is not None:
            told = f"{kind}, by script"
            failure = Failure(order.member, order.interval, order.attempt, worker, told, kind, repeat=order.repeat)
            return self.now_s + cost_s, failure
        (answer,) = carry_out(self._trainer, [order], states, self._seed, worker)
        return self.now_s + cost_s, answer if isinstance(answer, Failure) else replace(answer, cost_s=cost_s)

    def _hire(self, number: int) -> "_Scripted | None":
        for begins_s, ends_s in self._shifts.get(number, [(-math.inf, math.inf)]):
            if begins_s <= self.now_s < ends_s:
                self._workers[number] = _Scripted(self, number, ends_s)
                return self._workers[number]
        return None

    def _fill(self) -> None:
        """Hire for every post that is vacant; a worker of a script begins at once."""
        super()._fill()
        for post in self._posts:
            post.ready = post.worker is not None

    def _wait(self, timeout_s: float) -> None:
        """Move the clock to the next moment at which something happens; if nothing ever will, by `timeout_s`."""
        coming = [self._concern_s(), *(begins_s for shifts in self._shifts.values() for begins_s, _ in shifts)]
        moments = [worker.next_s() for worker in self._workers.values()] + [s for s in coming if s > self.now_s]
        moment_s = min(moments)
        self.now_s = max(self.now_s, moment_s) if moment_s < math.inf else self.now_s + timeout_s


class _Scripted:
    """A worker that has trained before it says so."""

    def __init__(self, script: SimulatedExecutor, slot: int, ends_s: float) -> None:
        self.name = f"slot-{slot}"
        self._script = script
        self._slot = slot
        self._ends_s = ends_s
        self._answers: list[tuple[float, Answer]] = []

    def train(self, orders: Sequence[Order], sources: Kept) -> None:
        self._answers = [self._script.trained(order, self._slot, self.name, sources) for order in orders]

    def next_s(self) -> float:
        return min([self._ends_s, *(when_s for when_s, _ in self._answers)])

    def events(self) -> Sequence[Event]:
        now_s = self._script.now_s
        due = [Answered(answer) for when_s, answer in self._answers if when_s <= now_s]
        self._answers = [each for each in self._answers if each[0] > now_s]
        return [Ready(), *due, *([Lost("has gone home", "machine")] if now_s >= self._ends_s else [])]

    def close(self) -> None:
        self._answers, self._ends_s = [], math.inf

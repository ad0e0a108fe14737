"""An executor without wall time: for tests of controllers, with unequal speeds and failures by script."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure, FailureKind, Report
from pbt_gan.executors.exchange import Memory
from pbt_gan.executors.work import NOTHING, attached, build, carry_out
from pbt_gan.interfaces import TaskReference, TaskSource

Attempt = tuple[int, int, int]
"""Member, interval, attempt."""


class SimulatedExecutor:
    """Really trains a cheap task, here and at once, but answers in the order of a simulated clock.

    Args:
        task: an object or a reference.
        seed: of the run.
        folder: what the task has prepared.
        slots: how many members train side by side.
        duration: simulated seconds that an order takes in a slot; one a step if not given.
        failures: attempts that end in Failure, each with its kind; nothing is trained.
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
    ) -> None:
        self._trainer = attached(build(task), folder, "cpu")
        self._seed = seed
        self._duration = duration
        self._failures = dict(failures or {})
        self._states = Memory()
        self._free = list(range(slots))
        self._pending: list[tuple[float, int, Answer]] = []  # a heap: when, in which slot, what
        self.now_s = 0.0
        """The simulated clock."""

    def free_slots(self) -> int:
        """How many orders can be submitted now."""
        return len(self._free)

    def submit(self, orders: Sequence[Order]) -> None:
        """Begin these orders, each in the free slot of the lowest number."""
        assert len(orders) <= len(self._free), "the caller gives no more orders than there are free slots"
        for order in orders:
            slot = heapq.heappop(self._free)
            cost_s = self._duration(order, slot)
            heapq.heappush(self._pending, (self.now_s + cost_s, slot, self._answer(order, f"slot-{slot}", cost_s)))

    def next_reports(self, timeout_s: float) -> list[Answer]:
        """Move the clock to the next answer and return all that are ready at that moment, sorted by member."""
        if not self._pending:
            return []
        self.now_s = self._pending[0][0]
        answers = []
        while self._pending and self._pending[0][0] <= self.now_s:
            _, slot, answer = heapq.heappop(self._pending)
            heapq.heappush(self._free, slot)
            answers.append(answer)
        return sorted(answers, key=lambda answer: answer.member)

    def encoded(self, checkpoint: str) -> bytes:
        """Return a kept state in the checkpoint codec."""
        return self._states.encoded(checkpoint)

    def restore(self, checkpoint: str, data: bytes) -> None:
        """Take a state in, encoded."""
        self._states.restore(checkpoint, data)

    def keep(self, checkpoints: frozenset[str]) -> None:
        """Drop every state that is not named; those of orders under way are safe."""
        self._states.keep(
            checkpoints | {answer.checkpoint for *_, answer in self._pending if isinstance(answer, Report)}
        )

    def close(self) -> None:
        """Forget the orders under way."""
        self._pending = []

    def _answer(self, order: Order, worker: str, cost_s: float) -> Answer:
        kind = self._failures.get((order.member, order.interval, order.attempt))
        if kind is not None:
            return Failure(order.member, order.interval, order.attempt, worker, f"{kind}, by script", kind)
        (answer,) = carry_out(self._trainer, [order], self._states, self._seed, worker)
        return replace(answer, cost_s=cost_s) if isinstance(answer, Report) else answer

"""The reference executor: members train one after another in the caller's own process."""

from collections.abc import Sequence
from pathlib import Path

from pbt_gan.core.population import Failed, Order, Report
from pbt_gan.executors.exchange import Memory
from pbt_gan.executors.threads import OneThread
from pbt_gan.executors.work import build, carry_out, device_clock
from pbt_gan.interfaces import TaskReference, TaskSource

_WORKER = "serial"


class SerialExecutor:
    """Trains one member at a time, here, with one thread; what any other executor reports must equal this.

    Args:
        task: an object or a reference; an object may come from a notebook.
        seed: of the run.
        folder: what the task has prepared; None: it needs nothing.
        device: such as "cpu" or "cuda:0".
    """

    def __init__(
        self, task: TaskSource | TaskReference, *, seed: int, folder: Path | None = None, device: str = "cpu"
    ) -> None:
        self._seed = seed
        self._states = Memory()
        self._orders: list[Order] = []
        self._one_thread = OneThread()
        self._clock = device_clock(device)
        with self._one_thread.held():
            self._task = build(task)
            if folder is not None:
                self._task.attach(folder, device)

    def free_slots(self) -> int:
        """How many orders can be submitted now."""
        return 1 - len(self._orders)

    def submit(self, orders: Sequence[Order]) -> None:
        """Take an order; it is carried out when its answer is asked for."""
        self._orders += orders
        assert len(self._orders) <= 1, "the caller gives no more orders than there are free slots"

    def next_reports(self, timeout_s: float) -> list[Report | Failed]:
        """Carry out the order that was submitted, however long it takes."""
        orders, self._orders = self._orders, []
        with self._one_thread.held():
            return [carry_out(self._task, order, self._states, self._seed, _WORKER, self._clock) for order in orders]

    def encoded(self, checkpoint: str) -> bytes:
        """Return a kept state in the checkpoint codec."""
        return self._states.encoded(checkpoint)

    def restore(self, checkpoint: str, data: bytes) -> None:
        """Take a state in, encoded."""
        self._states.restore(checkpoint, data)

    def keep(self, checkpoints: frozenset[str]) -> None:
        """Drop every state that is not named; that of an order under way is safe."""
        self._states.keep(checkpoints | {order.source for order in self._orders if order.source is not None})

    def close(self) -> None:
        """Forget the order under way. May be called twice."""
        self._orders = []

"""The reference executor: members train in the caller's own process, one after another or as one group."""

from collections.abc import Sequence
from pathlib import Path

from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Report
from pbt_gan.executors.determinism import make_deterministic
from pbt_gan.executors.exchange import Memory
from pbt_gan.executors.threads import OneThread, keep_memory
from pbt_gan.executors.work import NOTHING, attached, build, carry_out, device_clock
from pbt_gan.interfaces import TaskReference, TaskSource
from pbt_gan.interrupts import cuttable

_WORKER = "serial"


class SerialExecutor:
    """Trains here, with one thread, one member or one group at a time; any other executor's reports must equal this's.

    Args:
        task: an object or a reference; an object may come from a notebook.
        seed: of the run.
        folder: what the task has prepared.
        device: such as "cpu" or "cuda:0".
        group: how many members are trained at a time.
        deterministic: equal bits in every run on a GPU too.
    """

    def __init__(
        self,
        task: TaskSource | TaskReference,
        *,
        seed: int,
        folder: Path = NOTHING,
        device: str = "cpu",
        group: int = 1,
        deterministic: bool = False,
    ) -> None:
        self._seed = seed
        self._group = group
        self._states = Memory()
        self._orders: list[Order] = []
        self._one_thread = OneThread()
        self._clock = device_clock(device)
        if deterministic:
            make_deterministic(device)
        keep_memory()
        with cuttable(), self._one_thread.held():  # a run that is to stop gives no orders any more
            self._trainer = attached(build(task), folder, device)

    def free_slots(self) -> int:
        """How many orders can be submitted now."""
        return self._group - len(self._orders)

    def submit(self, orders: Sequence[Order]) -> None:
        """Take orders; they are carried out when their answers are asked for."""
        self._orders += orders
        assert len(self._orders) <= self._group, "the caller gives no more orders than there are free slots"

    def next_reports(self, timeout_s: float) -> list[Answer]:
        """Carry out the orders that were submitted, however long it takes.

        An order that a wish to stop cuts short is lost, as one under way in a worker would be.
        """
        orders, self._orders = sorted(self._orders, key=lambda order: order.member), []
        answers: list[Answer] = []
        with cuttable() as cut, self._one_thread.held():
            answers = carry_out(self._trainer, orders, self._states, self._seed, _WORKER, self._clock)
        if cut.short:  # a task may have caught the interrupt, and failed of it
            answers = [answer for answer in answers if isinstance(answer, Report)]
        return sorted(answers, key=lambda answer: answer.member)

    def encoded(self, checkpoint: str) -> bytes:
        """Return a kept state in the checkpoint codec."""
        return self._states.encoded(checkpoint)

    def restore(self, checkpoint: str, data: bytes) -> None:
        """Take a state in, encoded."""
        self._states.restore(checkpoint, data)

    def keep(self, checkpoints: frozenset[str]) -> None:
        """Drop every state that is not named; those of orders under way are safe."""
        self._states.keep(checkpoints | {key for order in self._orders for key in order.sources.values()})

    def close(self) -> None:
        """Forget the orders under way. May be called twice."""
        self._orders = []

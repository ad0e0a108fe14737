"""The reference executor: members train in the caller's own process, one after another or as one group."""

import time
from collections.abc import Sequence
from pathlib import Path

from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure
from pbt_gan.executors.crew import Crew
from pbt_gan.executors.determinism import make_deterministic
from pbt_gan.executors.exchange import Kept, Memory
from pbt_gan.executors.threads import OneThread, keep_memory
from pbt_gan.executors.work import NOTHING, attached, build, building, carry_out, device_clock
from pbt_gan.executors.workers import Answered, Event, Ready
from pbt_gan.interfaces import Health, Problem, TaskReference, TaskSource
from pbt_gan.interrupts import cuttable


class SerialExecutor(Crew):
    """Trains here, with one thread, one member or one group at a time; any other executor's reports must equal this's.

    Args:
        task: an object or a reference; an object may come from a notebook.
        seed: of the run.
        folder: what the task has prepared.
        device: such as "cpu" or "cuda:0".
        group: how many members are trained at a time.
        deterministic: equal bits in every run on a GPU too.
        health: what is looked at after every order; None: the usual.
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
        health: Health | None = None,
    ) -> None:
        super().__init__(Memory(), posts=1, group=group)
        if deterministic:
            make_deterministic(device)
        keep_memory()
        self._worker = _Here(build(task), seed, folder, device, health)
        self._fill()

    def _hire(self, number: int) -> "_Here":
        return self._worker

    def _wait(self, timeout_s: float) -> None:
        if not self._worker.orders:
            time.sleep(timeout_s)


class _Here:
    """This process, as a worker: it trains while it is asked for news."""

    name = "serial"

    def __init__(self, problem: Problem, seed: int, folder: Path, device: str, health: Health | None) -> None:
        self.orders: Sequence[Order] = ()
        self._one_thread = OneThread()
        self._clock = device_clock(device)
        self._seed = seed
        self._health = health
        with cuttable(), building(self.name), self._one_thread.held():  # a run that is to stop gives no orders any more
            self._trainer = attached(problem, folder, device)

    def train(self, orders: Sequence[Order], sources: Kept) -> None:
        self.orders, self._states = orders, sources

    def events(self) -> Sequence[Event]:
        """Train, however long it takes; an order that a wish to stop cuts short is lost, as in a worker process."""
        if not self.orders:
            return [Ready()]
        orders, self.orders = sorted(self.orders, key=lambda order: order.member), ()
        answers: list[Answer] = []
        began_s = time.monotonic()
        with cuttable() as cut, self._one_thread.held():
            answers = carry_out(self._trainer, orders, self._states, self._seed, self.name, self._clock, self._health)
        if cut.short:  # a task may have caught the interrupt, and failed of it
            answers = [answer for answer in answers if not isinstance(answer, Failure)]
        busy_s = time.monotonic() - began_s
        return [Answered(answer, busy_s) for answer in answers]

    def close(self) -> None:
        self.orders = ()

"""A kind of worker that shares no memory with the run, as one on another machine would not: the whole of it."""

import time
from collections.abc import Sequence

from pbt_gan.core.population import Order
from pbt_gan.core.records import Report
from pbt_gan.executors.crew import Crew
from pbt_gan.executors.exchange import Kept, Memory
from pbt_gan.executors.work import attached, build, carry_out
from pbt_gan.executors.workers import Answered, Event, Ready


class FarExecutor(Crew):
    """Its workers have states of their own; they are sent what they lack, and send back what they made."""

    def __init__(self, task, *, seed, folder, workers, group=1):
        super().__init__(Memory(), posts=workers, group=group)
        self._made_of = task, seed, folder
        self._fill()

    def _hire(self, number):
        return FarWorker(f"far-{number}", *self._made_of)

    def _wait(self, timeout_s):
        if not any(post.orders for post in self._posts):
            time.sleep(timeout_s)


class FarWorker:
    def __init__(self, name, task, seed, folder):
        self.name = name
        self._seed = seed
        self._trainer = attached(build(task), folder, "cpu")
        self._own = Memory()
        self._orders: list[Order] = []

    def train(self, orders: Sequence[Order], sources: Kept) -> None:
        for key in {key for order in orders for key in order.sources.values()}:
            self._own.restore(key, bytes(sources.encoded(key)))
        self._orders, self._sources = list(orders), sources

    def events(self) -> Sequence[Event]:
        answers = carry_out(self._trainer, self._orders, self._own, self._seed, self.name) if self._orders else []
        for answer in answers:
            if isinstance(answer, Report):
                self._sources.restore(answer.checkpoint, self._own.encoded(answer.checkpoint))
        self._orders = []
        self._own.keep(frozenset())
        return [Ready(), *map(Answered, answers)]

    def close(self) -> None:
        self._orders = []

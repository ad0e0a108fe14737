"""Workers that only pass the time: a thousand of them on a clock of their own, for what the coordinator has to do."""

import math
import time
from collections.abc import Sequence
from heapq import heappop, heappush

from pbt_gan import codec
from pbt_gan.core.population import WHOLE, Order
from pbt_gan.core.records import Answer, Failure, Report
from pbt_gan.core.rng import stream
from pbt_gan.interfaces import Usage

SPREAD = 4.0
"""So many times as fast is the fastest worker as the slowest."""


class Crowd:
    """An executor whose workers train nothing: a member's level rises by its rate, with noise in what is measured.

    The processor time that the coordinator needs passes for the workers too: while it decides, who has answered waits.
    Whatever happens is found by a heap, so that an event costs the same among a thousand workers as among ten.

    Args:
        workers: how many.
        order_s: that an order takes the slowest of them, in seconds.
        losses: share of the workers that are lost in an hour.
        absence_s: until another one takes the place of one that is lost.
        seed: of their speeds and ends.
    """

    def __init__(self, *, workers: int, order_s: float, losses: float, absence_s: float = 600.0, seed: int = 0) -> None:
        self.now_s = self.busy_s = self.waited_s = 0.0
        self.own_s = 0.0
        """Processor time that was spent here, and not by the coordinator."""
        self._speeds = stream(seed, "speeds").uniform(1.0, SPREAD, workers)
        self._rng = stream(seed, "losses")
        self._order_s, self._absence_s = order_s, absence_s
        self._until_lost_s = 3_600.0 / losses if losses else math.inf
        self._free = [(0.0, worker) for worker in range(workers)]  # since when, who
        self._events: list[tuple[float, int, Answer | None]] = []  # when, of whom, what; None: a new worker comes
        self._levels: dict[str, float] = {}
        self._left_s = time.thread_time()  # when the coordinator was given back its turn

    def free_slots(self) -> int:
        """Return how many workers have nothing to do."""
        return len(self._free)

    def submit(self, orders: Sequence[Order]) -> None:
        """Give an order to each of those that have waited longest."""
        began_s = self._began()
        for order in orders:
            since_s, worker = heappop(self._free)
            self.waited_s += self.now_s - since_s
            takes_s = self._order_s / float(self._speeds[worker])
            lost_s = float(self._rng.exponential(self._until_lost_s)) if self._until_lost_s < math.inf else math.inf
            answer = self._answer(order, f"worker-{worker}", lost=lost_s < takes_s)
            heappush(self._events, (self.now_s + min(takes_s, lost_s), worker, answer))
            self.busy_s += min(takes_s, lost_s)
        self._ended(began_s)

    def next_reports(self, timeout_s: float) -> list[Answer]:
        """Move the clock to the next event; return what has come by then."""
        began_s = self._began()
        self.now_s = max(self.now_s, self._events[0][0])
        answers = list[Answer]()
        while self._events and self._events[0][0] <= self.now_s:
            when_s, worker, answer = heappop(self._events)
            if isinstance(answer, Failure):
                heappush(self._events, (when_s + self._absence_s, worker, None))
            else:
                heappush(self._free, (when_s, worker))
            if isinstance(answer, Report):
                self._levels[answer.checkpoint] = answer.metrics["level"]
            answers += [] if answer is None else [answer]
        self._ended(began_s)
        return sorted(answers, key=lambda answer: answer.member)

    def remain(self, members: int) -> None:
        """There are always more members than workers here."""

    def usage(self) -> Usage:
        """Return how long workers were at it, and how long they waited."""
        return Usage(self.busy_s, self.waited_s)

    def stuck(self) -> bool:
        """Nobody is ever silent here."""
        return False

    def encoded(self, checkpoint: str) -> bytes:
        """Return a state in the checkpoint codec."""
        return codec.encode({"level": self._levels[checkpoint]})

    def restore(self, checkpoint: str, data: bytes) -> None:
        """Take a state in."""
        self._levels[checkpoint] = codec.decode(data)["level"]

    def keep(self, checkpoints: frozenset[str]) -> None:
        """Drop all others; those of orders under way are made when they are answered."""
        began_s = self._began()
        self._levels = {key: level for key, level in self._levels.items() if key in checkpoints}
        self._ended(began_s)

    def close(self) -> None:
        """Send everybody home."""
        self._events.clear()

    def _answer(self, order: Order, worker: str, *, lost: bool) -> Answer:
        if lost:
            return Failure(order.member, order.interval, order.attempt, worker, f"{worker} is lost", "machine")
        before = self._levels[order.sources[WHOLE]] if order.sources else 0.0
        rate = float(order.hyperparams["lr"])
        level = before + math.exp(-(math.log(rate / 1e-3) ** 2))
        score = level + 0.1 * float(self._rng.normal())
        metrics = {"level": level, "loss_g": -score, "loss_d": score}
        return Report.of(
            order,
            score=score,
            metrics=metrics,
            hyperparams=dict(order.hyperparams),
            worker=worker,
            cost_s=self._order_s,
            images=64 * order.steps,
        )

    def _began(self) -> float:
        """Let the time pass that the coordinator has used."""
        now_s = time.thread_time()
        self.now_s += now_s - self._left_s
        return now_s

    def _ended(self, began_s: float) -> None:
        self._left_s = time.thread_time()
        self.own_s += self._left_s - began_s

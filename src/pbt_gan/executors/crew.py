"""One crew behind every executor: it shares orders out among workers, and answers for those that are lost."""

import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure
from pbt_gan.errors import WorkerError
from pbt_gan.executors.exchange import Kept
from pbt_gan.executors.hours import Hours
from pbt_gan.executors.watch import FIRST_S, PATIENCE_S, Watch, patience_s
from pbt_gan.executors.workers import Alive, Answered, Event, Lost, Ready, Unbuilt, Worker
from pbt_gan.interfaces import Usage

log = logging.getLogger(__name__)

_STARTS = 3  # deaths at one post in a row, each before the worker was ready, that end the run
_LOOK_S = 0.2  # how long one look waits for news: whatever sends none is seen after this
_AWAY_S = 1.0  # between two looks: longer, and the run itself was held up, for which no worker is to blame


@dataclass(slots=True)
class _Post:
    """A place in the crew, and who fills it."""

    number: int
    worker: Worker | None = None  # None: nobody just now
    ready: bool = False
    deaths: int = 0  # in a row here, each before the worker was ready
    orders: dict[int, Order] = field(default_factory=dict)  # under way, by member
    watch: Watch = field(default_factory=lambda: Watch(0.0))
    place: str = ""  # in a person's own code, where it was seen last


class Crew(ABC):
    """An executor: its posts are filled with workers, and each trains one member, or one group of them, at a time.

    A kind of worker is a subclass that says how one is hired, and how to wait until one has news.

    Args:
        states: where they are kept between two orders.
        posts: how many workers there are at most.
        group: how many members a worker trains at a time.
        patient: for ever with whoever has hung; if not, such a worker is ended and replaced, also where an order has no
            deadline of its own.
        clock: by which workers are watched; seconds.
    """

    def __init__(
        self,
        states: Kept,
        *,
        posts: int,
        group: int = 1,
        patient: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._states = states
        self._group = group
        self._patient = patient
        self._clock = clock
        self._posts = [_Post(number) for number in range(posts)]
        self._longest_s: float | None = None  # that a worker took for what it was given
        self._looked_s = clock()
        self._hours = Hours(clock())

    @abstractmethod
    def _hire(self, number: int) -> Worker | None:
        """Return a new worker for a post; None: there is none to be had just now.

        Raises:
            PbtGanError: there will never be one.
        """

    @abstractmethod
    def _wait(self, timeout_s: float) -> None:
        """Return when a worker may have news, or after `timeout_s`."""

    def free_slots(self) -> int:
        """How many orders can be submitted now; workers that are still starting count, and silent ones do not."""
        return self._group * len(self._free())

    def submit(self, orders: Sequence[Order]) -> None:
        """Share orders out among the free workers, as evenly as they go."""
        free = self._free()[: len(orders)]
        assert len(orders) <= self._group * len(free), "the caller gives no more orders than there are free slots"
        for place, post in enumerate(free):
            given = orders[place * len(orders) // len(free) : (place + 1) * len(orders) // len(free)]
            assert post.worker is not None
            post.orders = {order.member: order for order in given}
            post.watch.begun(self._clock())
            post.place = ""
            post.worker.train(given, self._states)
        self._hours.changed(self._clock(), free=self._idle())

    def remain(self, members: int) -> None:
        """Be told how many members have steps left that nobody trains: for these, free workers wait."""
        self._hours.changed(self._clock(), free=self._idle(), left=members)

    def usage(self) -> Usage:
        """Return how long workers have trained, and waited while there was somebody to train."""
        return self._hours.usage

    def next_reports(self, timeout_s: float) -> list[Answer]:
        """Return all answers that are ready, sorted by member; wait at most `timeout_s` for the first.

        Raises:
            TaskError, ConfigError, DataError: a worker could not build its task.
            WorkerError: workers died again and again before they were ready.
        """
        until_s = self._clock() + timeout_s
        while True:
            left_s = max(0.0, until_s - self._clock())
            answers = list(self._look(min(left_s, _LOOK_S)))
            self._hours.changed(self._clock(), free=self._idle(), answered=len(answers))
            if answers or left_s == 0.0:
                return sorted(answers, key=lambda answer: answer.member)

    def stuck(self) -> bool:
        """Whether orders are under way and every worker that has one is silent."""
        busy = [post for post in self._posts if post.orders]
        return bool(busy) and all(post.watch.silent for post in busy)

    def encoded(self, checkpoint: str) -> bytes | memoryview:
        """Return a kept state in the checkpoint codec."""
        return self._states.encoded(checkpoint)

    def restore(self, checkpoint: str, data: bytes) -> None:
        """Take a state in, encoded."""
        self._states.restore(checkpoint, data)

    def keep(self, checkpoints: frozenset[str]) -> None:
        """Drop every state that is not named; those of orders under way are safe."""
        orders = [order for post in self._posts for order in post.orders.values()]
        under_way = {key for order in orders for key in (*order.sources.values(), order.checkpoint)}
        self._states.keep(checkpoints | under_way)

    def close(self) -> None:
        """End all workers; orders under way are lost. May be called twice."""
        workers = [post.worker for post in self._posts if post.worker is not None]
        self._posts = []
        for worker in workers:
            worker.close()

    def _fill(self) -> None:
        """Hire for every post that is vacant."""
        for post in self._posts:
            if post.worker is None:
                post.worker = self._hire(post.number)
                post.watch = Watch(self._clock())

    def _free(self) -> list[_Post]:
        """Return the posts whose workers have no orders, those first that are ready."""
        free = [post for post in self._posts if post.worker and not post.orders and not post.watch.silent]
        return sorted(free, key=lambda post: not post.ready)

    def _idle(self) -> int:
        """Return how many workers could train at once."""
        return sum(post.ready for post in self._free())

    def _look(self, wait_s: float) -> Iterator[Answer]:
        """Wait for news, and pass the answers on."""
        away_s = self._clock() - self._looked_s
        if away_s > _AWAY_S:
            self._excuse(away_s)
        self._wait(wait_s)
        for post in self._posts:
            for event in post.worker.events() if post.worker else ():
                self._hear(post)
                yield from self._taken(post, event)
            yield from self._watched(post)
        self._fill()
        self._looked_s = self._clock()

    def _taken(self, post: _Post, event: Event) -> Iterator[Answer]:
        match event:
            case Ready() if not post.ready:
                post.ready = True
                post.watch.begun(self._clock())  # it could not begin before
            case Unbuilt():
                raise event.error
            case Lost():
                yield from self._lost(post, event)
            case Alive():
                post.place = event.place
            case Answered():
                answer = event.answer
                order = post.orders.get(answer.member)
                # A worker that was given up may still answer, beside the one that has its order now.
                if order is not None and order.attempted == answer.attempted:
                    del post.orders[answer.member]
                    if not post.orders:
                        self._hours.trained(post.watch.took_s(self._clock()), event.busy_s)
                    if not post.orders and not isinstance(answer, Failure):
                        self._longest_s = max(self._longest_s or 0.0, post.watch.took_s(self._clock()))
                    yield answer

    def _hear(self, post: _Post) -> None:
        said = post.watch.heard(self._clock())
        if said and post.worker is not None:
            log.warning("%s %s", post.worker.name, said)

    def _watched(self, post: _Post) -> Iterator[Answer]:
        """Say what there is to say about a worker that is silent or slow; end one that has hung."""
        if post.worker is None:
            return
        now_s, orders, limit_s = self._clock(), [*post.orders.values()], self._limit_s(post)
        idle = post.ready and not orders
        if (post.watch.silent_s(now_s) if idle else post.watch.at_it_s(now_s)) >= limit_s:
            yield from self._lost(post, Lost(self._verdict(post, limit_s), "deadline"))
        elif said := post.watch.concern(now_s, post.ready, orders, self._longest_s, limit_s, post.place):
            log.warning("%s %s", post.worker.name, said)

    def _limit_s(self, post: _Post) -> float:
        """Return how long a worker may be silent without orders, or at what it was given, or at building its task."""
        deadlines = [order.deadline_s for order in post.orders.values() if order.deadline_s is not None]
        if deadlines and post.ready:
            return min(deadlines)
        if self._patient:
            return math.inf
        if not post.ready:
            return FIRST_S
        return patience_s(self._longest_s) if post.orders else PATIENCE_S

    def _verdict(self, post: _Post, limit_s: float) -> str:
        """Return why a worker is ended, as it goes on after its name."""
        if not post.ready:
            return f"has not built its task in {limit_s:g} s"
        if not post.orders:
            return f"has been silent for {limit_s:g} s"
        if any(order.deadline_s is not None for order in post.orders.values()):
            why = ", its deadline"
        elif self._longest_s is None:
            why = ", nor has anybody else"
        else:
            why = f", and nobody took longer than {self._longest_s:.3g} s until now"
        return f"has not answered in {limit_s:g} s{why}{f'; it is at {post.place}' if post.place else ''}"

    def _lost(self, post: _Post, event: Lost) -> Iterator[Failure]:
        """Bury a worker and hire another for its post."""
        worker, orders = post.worker, post.orders
        assert worker is not None
        worker.close()
        post.worker, post.orders = None, {}
        post.deaths = 0 if post.ready else post.deaths + 1
        post.ready = False
        if post.deaths == _STARTS:
            raise WorkerError(
                f"{worker.name} {event.reason}, as the {post.deaths - 1} before it did, while it was starting. "
                "Is memory short? Use fewer workers, or see what it wrote to the terminal."
            )
        log.warning("%s %s; it is started anew.", worker.name, event.reason)
        for order in orders.values():
            told = f"{worker.name} {event.reason}"
            place = post.place if event.kind == "deadline" else ""
            yield Failure(
                order.member, order.interval, order.attempt, worker.name, told, event.kind, place, repeat=order.repeat
            )

    def _excuse(self, away_s: float) -> None:
        """Charge no worker with a time in which the run itself was held up: stopped, or busy with something else."""
        for post in self._posts:
            post.watch.excuse(away_s, self._clock())

    def _concern_s(self) -> float:
        """Return the moment at which, without any news, there will be something to do or to say; inf: never."""
        return min(
            (post.watch.concern_s([*post.orders.values()], self._longest_s) for post in self._posts), default=math.inf
        )

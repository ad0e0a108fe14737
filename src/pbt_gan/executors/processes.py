"""Worker processes on one machine: members train side by side and exchange states through shared memory."""

import atexit
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import numpy as np

from pbt_gan import errors
from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure, Report
from pbt_gan.errors import ConfigError, TaskError, WorkerError
from pbt_gan.executors.exchange import SharedMemory
from pbt_gan.executors.messages import Channel, Message
from pbt_gan.executors.scratch import Scratch, places
from pbt_gan.executors.threads import environment
from pbt_gan.executors.work import NOTHING
from pbt_gan.interfaces import TaskReference

log = logging.getLogger(__name__)

_STARTS = 3  # deaths of one worker in a row, before it was ready, that end the run
_GRACE_S = 5.0  # between a worker's last word and its end
_LOOK_S = 0.2  # a death is seen after this at the latest, even if something that the worker started holds its socket


class ProcessesExecutor:
    """Trains one member, or one group of them, in each worker process.

    Workers are plain child processes: nothing is pickled and the caller's main module is not imported again. They end
    with this process, however it ends. One that dies is started anew, and its orders answered with Failure.

    Args:
        task: where each worker takes its task from.
        seed: of the run.
        folder: what the task has prepared.
        workers: how many processes, at least 1.
        devices: such as "cpu" or "cuda:0"; given to the workers in turn.
        threads: intra-op threads of each worker; on a CPU, results are equal only for equal numbers.
        group: how many members a worker trains at a time.
        deterministic: equal bits in every run on a GPU too.

    Raises:
        ConfigError: there are no workers.
        WorkerError: the system starts no more processes.
    """

    def __init__(
        self,
        task: TaskReference,
        *,
        seed: int,
        folder: Path = NOTHING,
        workers: int,
        devices: Sequence[str] = ("cpu",),
        threads: int = 1,
        group: int = 1,
        deterministic: bool = False,
    ) -> None:
        if workers < 1:
            raise ConfigError(f"executor.workers = {workers}, but there must be at least 1.")
        self._environment = {
            **os.environ,
            **environment(threads),
            "PYTHONPATH": os.pathsep.join(place or str(Path.cwd()) for place in sys.path),
        }
        self._group = group
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        self._scratch: list[Scratch] = []
        atexit.register(self.close)
        try:
            self._scratch = [Scratch(place) for place in places()]
            self._states = SharedMemory([scratch.path for scratch in self._scratch])
            self._task = task.name
            self._start = {
                "task": task.name,
                "arguments": task.arguments,
                "seed": seed,
                "folder": str(folder),
                "deterministic": deterministic,
            }
            for number in range(workers):
                self._workers.append(self._started(f"worker-{number}", devices[number % len(devices)]))
        except BaseException:
            self.close()
            raise

    def free_slots(self) -> int:
        """How many orders can be submitted now; workers that are still starting count."""
        return self._group * len(self._free())

    def submit(self, orders: Sequence[Order]) -> None:
        """Share orders out among the free workers, as evenly as they go."""
        free = self._free()[: len(orders)]
        assert len(orders) <= self._group * len(free), "the caller gives no more orders than there are free slots"
        for place, worker in enumerate(free):
            worker.train(orders[place * len(orders) // len(free) : (place + 1) * len(orders) // len(free)])

    def next_reports(self, timeout_s: float) -> list[Answer]:
        """Return all answers that are ready, sorted by member; wait at most `timeout_s` for the first.

        Raises:
            TaskError, ConfigError, DataError: a worker could not build its task.
            WorkerError: a worker died again and again before it was ready.
        """
        until_s = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, until_s - time.monotonic())
            answers = self._look(min(left_s, _LOOK_S))
            if answers or left_s == 0.0:
                return sorted(answers, key=lambda answer: answer.member)

    def encoded(self, checkpoint: str) -> memoryview:
        """Return a kept state in the checkpoint codec."""
        return self._states.encoded(checkpoint)

    def restore(self, checkpoint: str, data: bytes) -> None:
        """Take a state in, encoded."""
        self._states.restore(checkpoint, data)

    def keep(self, checkpoints: frozenset[str]) -> None:
        """Drop every state that is not named; those of orders under way are safe."""
        orders = [order for worker in self._workers for order in worker.orders.values()]
        under_way = {key for order in orders for key in (*order.sources.values(), order.checkpoint)}
        self._states.keep(checkpoints | under_way)

    def close(self) -> None:
        """Kill the workers and remove their shared memory. May be called twice."""
        atexit.unregister(self.close)
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.bury()
        for scratch in self._scratch:
            scratch.close()
        self._selector.close()
        self._workers = []

    def _free(self) -> list["_Worker"]:
        """Return the workers without orders, those first that are ready."""
        return sorted((worker for worker in self._workers if not worker.orders), key=lambda worker: not worker.ready)

    def _look(self, wait_s: float) -> list[Answer]:
        readable = {key.data for key, _ in self._selector.select(wait_s)}
        answers: list[Answer] = []
        for place, worker in enumerate(self._workers):
            try:
                if worker in readable:
                    answers += self._read(worker)
                elif worker.process.poll() is not None:
                    raise EOFError
            except EOFError:
                answers += self._replace(place)
        return answers

    def _read(self, worker: "_Worker") -> Iterable[Answer]:
        for message in worker.channel.receive():
            match message.content["type"]:
                case "ready":
                    worker.ready = True
                case "unbuilt":
                    raise _unbuilt(worker.name, self._task, message)
                case _:
                    answer = _answer(message)
                    del worker.orders[answer.member]
                    yield answer

    def _replace(self, place: int) -> list[Answer]:
        """Bury a dead worker and start another of its name."""
        dead = self._workers[place]
        self._selector.unregister(dead.channel)
        how = dead.how_it_died()
        dead.kill()
        dead.bury()
        log.warning("%s %s; it is started anew.", dead.name, how)
        deaths = 0 if dead.ready else dead.deaths + 1
        if deaths == _STARTS:
            raise WorkerError(
                f"{dead.name} {how}, as the {deaths - 1} before it did, while it was starting. "
                "Is memory short? Use fewer workers, or see what it wrote to the terminal."
            )
        self._workers[place] = self._started(dead.name, dead.device, deaths)
        return [
            Failure(order.member, order.interval, order.attempt, dead.name, f"{dead.name} {how}", "worker")
            for order in dead.orders.values()
        ]

    def _started(self, name: str, device: str, deaths: int = 0) -> "_Worker":
        worker = _Worker(name, device, deaths, self._environment, [str(scratch.path) for scratch in self._scratch])
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        with suppress(OSError):  # dead already: seen when its answer is waited for
            worker.channel.send({**self._start, "device": device})
        return worker


class _Worker:
    """A worker process, as the run's process sees it."""

    def __init__(
        self, name: str, device: str, deaths: int, environment: dict[str, str], folders: Sequence[str]
    ) -> None:
        self.name = name
        self.device = device
        self.deaths = deaths  # of its predecessors in a row, each before it was ready
        self.ready = False
        self.orders: dict[int, Order] = {}  # under way, by member
        ours, theirs = socket.socketpair()
        with theirs:
            handle = theirs.fileno()
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "pbt_gan.executors.worker", name, str(handle), *folders],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # what a task prints must not mix with what a command prints
                    pass_fds=[handle],
                    start_new_session=True,  # Ctrl-C goes to the run only, and a kill to all that the task has started
                )
            except OSError as error:
                ours.close()
                raise WorkerError(f"Cannot start {name}: {error.strerror}. Use fewer workers.") from error
        self.channel = Channel(ours)

    def train(self, orders: Sequence[Order]) -> None:
        self.orders = {order.member: order for order in orders}
        values = [{field.name: getattr(order, field.name) for field in fields(order)} for order in orders]
        with suppress(OSError):  # dead already: seen when its answer is waited for
            self.channel.send({"orders": values})

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # there is nobody left
            os.killpg(self.process.pid, signal.SIGKILL)

    def bury(self) -> None:
        self.process.wait()
        self.channel.close()

    def how_it_died(self) -> str:
        try:
            code = self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code >= 0:
            return f"ended with exit code {code}"
        hint = " (is memory short?)" if -code == signal.SIGKILL else ""
        return f"was killed by {signal.Signals(-code).name}{hint}"


def _answer(message: Message) -> Answer:
    values = message.content["values"]
    if message.content["type"] == "failed":
        return Failure(**values)
    shape = message.content["shape"]
    preview = None if shape is None else np.frombuffer(message.payload, np.uint8).reshape(shape)
    return Report(**{**values, "unverified": tuple(values["unverified"])}, preview=preview)


def _unbuilt(worker: str, task: str, message: Message) -> Exception:
    """Return the error of a worker's task as one of this process."""
    kind: type[Exception] = getattr(errors, message.content["kind"], TaskError)
    error = kind(f"{worker} cannot build the task {task!r}: {message.content['error']}.")
    if message.content["details"]:
        error.add_note(message.content["details"])
    return error

"""One worker process a slot, on one machine: members train side by side and exchange states through shared memory."""

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
from pbt_gan.core.population import Failed, Order, Report
from pbt_gan.errors import ConfigError, TaskError, WorkerError
from pbt_gan.executors.exchange import SharedMemory
from pbt_gan.executors.messages import Channel, Message
from pbt_gan.executors.scratch import Scratch, places
from pbt_gan.executors.threads import environment
from pbt_gan.interfaces import TaskReference

log = logging.getLogger(__name__)

_STARTS = 3  # deaths of one worker in a row, before it was ready, that end the run
_GRACE_S = 5.0  # between a worker's last word and its end
_LOOK_S = 0.2  # a death is seen after this at the latest, even if something that the worker started holds its socket


class ProcessesExecutor:
    """Trains one member in each worker process.

    Workers are plain child processes: nothing is pickled and the caller's main module is not imported again. They end
    with this process, however it ends. One that dies is started anew, and its order answered with Failed.

    Args:
        task: where each worker takes its task from.
        seed: of the run.
        folder: what the task has prepared; None: it needs nothing.
        workers: how many processes, at least 1.
        devices: such as "cpu" or "cuda:0"; given to the workers in turn.
        threads: intra-op threads of each worker; on a CPU, results are equal only for equal numbers.

    Raises:
        ConfigError: there are no workers.
        WorkerError: the system starts no more processes.
    """

    def __init__(
        self,
        task: TaskReference,
        *,
        seed: int,
        folder: Path | None = None,
        workers: int,
        devices: Sequence[str] = ("cpu",),
        threads: int = 1,
    ) -> None:
        if workers < 1:
            raise ConfigError(f"executor.workers = {workers}, but there must be at least 1.")
        self._environment = {
            **os.environ,
            **environment(threads),
            "PYTHONPATH": os.pathsep.join(place or str(Path.cwd()) for place in sys.path),
        }
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
                "folder": None if folder is None else str(folder),
            }
            for number in range(workers):
                self._workers.append(self._started(f"worker-{number}", devices[number % len(devices)]))
        except BaseException:
            self.close()
            raise

    def free_slots(self) -> int:
        """How many orders can be submitted now; workers that are still starting count."""
        return sum(worker.order is None for worker in self._workers)

    def submit(self, orders: Sequence[Order]) -> None:
        """Send each order to a free worker."""
        free = sorted((worker for worker in self._workers if worker.order is None), key=lambda worker: not worker.ready)
        assert len(orders) <= len(free), "the caller gives no more orders than there are free slots"
        for worker, order in zip(free, orders, strict=False):
            worker.train(order)

    def next_reports(self, timeout_s: float) -> list[Report | Failed]:
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
        orders = [worker.order for worker in self._workers if worker.order is not None]
        under_way = {key for order in orders for key in (order.source, order.checkpoint) if key is not None}
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

    def _look(self, wait_s: float) -> list[Report | Failed]:
        readable = {key.data for key, _ in self._selector.select(wait_s)}
        answers: list[Report | Failed] = []
        for place, worker in enumerate(self._workers):
            try:
                if worker in readable:
                    answers += self._read(worker)
                elif worker.process.poll() is not None:
                    raise EOFError
            except EOFError:
                answers += self._replace(place)
        return answers

    def _read(self, worker: "_Worker") -> Iterable[Report | Failed]:
        for message in worker.channel.receive():
            match message.content["type"]:
                case "ready":
                    worker.ready = True
                case "unbuilt":
                    raise _unbuilt(worker.name, self._task, message)
                case _:
                    worker.order = None
                    yield _answer(message)

    def _replace(self, place: int) -> list[Report | Failed]:
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
        if dead.order is None:
            return []
        order = dead.order
        return [Failed(order.member, order.interval, order.attempt, dead.name, f"{dead.name} {how}", retry=True)]

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
        self.order: Order | None = None  # under way
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

    def train(self, order: Order) -> None:
        self.order = order
        with suppress(OSError):  # dead already: seen when its answer is waited for
            self.channel.send({field.name: getattr(order, field.name) for field in fields(order)})

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


def _answer(message: Message) -> Report | Failed:
    values = message.content["values"]
    if message.content["type"] == "failed":
        return Failed(**values)
    shape = message.content["shape"]
    preview = None if shape is None else np.frombuffer(message.payload, np.uint8).reshape(shape)
    return Report(**values, preview=preview)


def _unbuilt(worker: str, task: str, message: Message) -> Exception:
    """Return the error of a worker's task as one of this process."""
    kind: type[Exception] = getattr(errors, message.content["kind"], TaskError)
    error = kind(f"{worker} cannot build the task {task!r}: {message.content['error']}.")
    if message.content["details"]:
        error.add_note(message.content["details"])
    return error

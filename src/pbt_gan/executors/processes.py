"""Worker processes on one machine: members train side by side and exchange states through shared memory."""

import atexit
import errno
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from pbt_gan import errors
from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure, Report
from pbt_gan.errors import ConfigError, PbtGanError, StorageError, TaskError, WorkerError
from pbt_gan.executors.crew import Crew
from pbt_gan.executors.exchange import Kept, SharedMemory
from pbt_gan.executors.messages import Channel, Message
from pbt_gan.executors.scratch import Scratch, places
from pbt_gan.executors.threads import environment
from pbt_gan.executors.work import NOTHING
from pbt_gan.executors.workers import Alive, Answered, Event, Lost, Ready, Unbuilt
from pbt_gan.interfaces import TaskReference

log = logging.getLogger(__name__)

_BEAT_S = 1.0  # between two heartbeats of a worker
_GRACE_S = 5.0  # between a worker's last word and its end
_QUIET_S = 2.0  # without a heartbeat: then its process is asked whether it works
_OVERSLEPT_S = 1.0  # a wait that took so much longer: this process was stopped


class ProcessesExecutor(Crew):
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
        ConfigError: there are no workers, or too few files may be open for them.
        WorkerError: the system starts no more processes.
        StorageError: there is no place for their states.
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
        self._devices = devices
        self._environment = {
            **os.environ,
            **environment(threads),
            "PYTHONPATH": os.pathsep.join(place or str(Path.cwd()) for place in sys.path),
        }
        self._start = {
            "task": task.name,
            "arguments": task.arguments,
            "seed": seed,
            "folder": str(folder),
            "deterministic": deterministic,
            "beat_s": _BEAT_S,
        }
        self._scratch = _scratch()
        self._folders = [scratch.path for scratch in self._scratch]
        super().__init__(SharedMemory(self._folders), posts=workers, group=group)
        atexit.register(self.close)
        try:
            self._selector = selectors.DefaultSelector()
            self._fill()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise _unstarted("worker processes", error) from error
            raise

    def close(self) -> None:
        """Kill the workers and remove their shared memory. May be called twice."""
        atexit.unregister(self.close)
        super().close()
        for scratch in self._scratch:
            scratch.close()
        if hasattr(self, "_selector"):
            self._selector.close()

    def _hire(self, number: int) -> "_Process":
        name, start = f"worker-{number}", {**self._start, "device": self._devices[number % len(self._devices)]}
        return _Process(name, start, self._environment, self._folders, self._selector)

    def _wait(self, timeout_s: float) -> None:
        began_s = time.monotonic()
        self._selector.select(timeout_s)
        overslept_s = time.monotonic() - began_s - timeout_s
        if overslept_s > _OVERSLEPT_S:  # perhaps the whole machine was, and its heartbeats with it
            self._excuse(overslept_s)


class _Process:
    """A worker process, as the run's process sees it."""

    def __init__(
        self,
        name: str,
        start: Mapping[str, Any],
        environment: Mapping[str, str],
        folders: Sequence[Path],
        selector: selectors.BaseSelector,
    ) -> None:
        self.name = name
        self._selector = selector
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise _unstarted(name, error) from error
        with theirs:
            handle = theirs.fileno()
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "pbt_gan.executors.worker", name, str(handle), *map(str, folders)],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # what a task prints must not mix with what a command prints
                    pass_fds=[handle],
                    start_new_session=True,  # Ctrl-C goes to the run only, and a kill to all that the task has started
                )
            except OSError as error:
                ours.close()
                raise _unstarted(name, error) from error
        self._channel = Channel(ours)
        self._selector.register(self._channel, selectors.EVENT_READ)
        self._heard_s = time.monotonic()
        self._worked: str | None = None
        self._send(start)

    def train(self, orders: Sequence[Order], sources: Kept) -> None:
        """Send the orders; the states lie in memory that the process maps too."""
        self._send(
            {"orders": [{field.name: getattr(order, field.name) for field in fields(order)} for order in orders]}
        )

    def events(self) -> Sequence[Event]:
        ended = self.process.poll() is not None  # asked first: what it has sent before is still to be read
        try:
            events = [self._event(message) for message in self._channel.receive(wait=False)]
        except EOFError:
            return [self._end()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Something in that process has written to the connection, which belongs to us.
            return [Lost(f"sent what is no message of a worker ({errors.one_line(error)})", "protocol")]
        if events:
            self._heard_s = time.monotonic()
        elif ended:  # something that it has started may hold its end of the connection open
            events = [self._end()]
        elif time.monotonic() - self._heard_s >= _QUIET_S and self._works():
            events = [Alive()]
        return events

    def close(self) -> None:
        """Kill the process and all that it has started."""
        with suppress(ProcessLookupError, PermissionError):  # there is nobody left
            os.killpg(self.process.pid, signal.SIGKILL)
        with suppress(KeyError, ValueError):
            self._selector.unregister(self._channel)
        self._channel.close()
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:  # waits for a disk that does not answer; it will never run again
            log.warning("%s, process %d, cannot be ended just now.", self.name, self.process.pid)

    def _send(self, content: Mapping[str, Any]) -> None:
        with suppress(OSError):  # dead already: seen when it is asked for news
            self._channel.send(content)

    def _event(self, message: Message) -> Event:
        match message.content["type"]:
            case "alive":
                return Alive()
            case "ready":
                return Ready()
            case "unbuilt":
                return Unbuilt(_unbuilt(message))
            case "failed" | "report":
                return Answered(_answer(message))
            case other:
                raise ValueError(f"type {other!r}")

    def _works(self) -> bool:
        """Whether the process has used processor time since it was last asked.

        A call into C may hold Python's lock for long, and no heartbeat comes then.
        """
        self._heard_s = time.monotonic()
        before, self._worked = self._worked, _processor_time(self.process.pid)
        return before is not None and before != self._worked

    def _end(self) -> Lost:
        try:
            code = self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return Lost("closed its connection", "protocol")
        if code >= 0:
            return Lost(f"ended with exit code {code}")
        hints = {signal.SIGKILL: " (is memory short?)", signal.SIGBUS: " (is shared memory full?)"}
        return Lost(f"was killed by {signal.Signals(-code).name}{hints.get(signal.Signals(-code), '')}")


def _processor_time(pid: int) -> str | None:
    """Return a process's processor time, as the system writes it; None: this one does not tell."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return " ".join(after_name[11:13])  # in user and in kernel mode, in ticks


def _scratch() -> list[Scratch]:
    """Return a folder at each place that there is; one that is no good, such as a disk without locks, is left out.

    Raises:
        StorageError: there is none.
        ConfigError: no file may be opened any more.
    """
    found: list[Scratch] = []
    refused: list[str] = []
    for place in places():
        try:
            found.append(Scratch(place))
        except OSError as error:
            if error.errno == errno.EMFILE and not found:
                raise _unstarted("worker processes", error) from error
            refused.append(f"{place}: {error.strerror or error}")
    if not found:
        raise StorageError(
            f"There is no place for members' states ({'; '.join(refused)}). Point the variable TMPDIR to a folder that "
            "can be written, or use --executor serial."
        )
    return found


def _unstarted(what: str, error: OSError) -> PbtGanError:
    if error.errno == errno.EMFILE:  # a limit that somebody has set
        return ConfigError(f"Cannot start {what}: {error.strerror}. Allow more (ulimit -n), or use fewer workers.")
    return WorkerError(f"Cannot start {what}: {error.strerror}. Use fewer workers.")


def _answer(message: Message) -> Answer:
    values = message.content["values"]
    if message.content["type"] == "failed":
        return Failure(**values)
    shape = message.content["shape"]
    preview = None if shape is None else np.frombuffer(message.payload, np.uint8).reshape(shape)
    return Report(**{**values, "unverified": tuple(values["unverified"])}, preview=preview)


def _unbuilt(message: Message) -> Exception:
    """Return the error of a worker's task as one of this process."""
    kind: type[Exception] = getattr(errors, message.content["kind"], TaskError)
    error = kind(f"{message.content['error']}.")
    if message.content["details"]:
        error.__cause__ = errors.RemoteError(message.content["details"])
    return error

"""A worker process: how one is started, what is sent to it, and what its silence or its end means."""

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
from pbt_gan.core.records import Answer, Failure, Measurement, Report
from pbt_gan.errors import ConfigError, PbtGanError, TaskError, WorkerError
from pbt_gan.executors.allowance import Allowance
from pbt_gan.executors.exchange import Kept
from pbt_gan.executors.messages import Channel, Message
from pbt_gan.executors.sweeper import Sweeper
from pbt_gan.executors.workers import Alive, Answered, Event, Lost, Ready, Unbuilt

log = logging.getLogger(__name__)

_GRACE_S = 5.0  # between a worker's last word and its end
_QUIET_S = 2.0  # without a heartbeat: then its process is asked whether it works


class WorkerProcess:
    """A worker process, as the run's process sees it.

    Args:
        name: such as worker-0.
        start: what it is told first: its task, device and so on.
        environment: its variables.
        folders: where the members' states lie.
        selector: to which its connection is added for as long as it lives.
        sweeper: is told when it begins and has ended.
        allowance: what it may have of the machine's memory; None: as much as there is.

    Raises:
        ConfigError: too few files may be open.
        WorkerError: the system starts no more processes.
    """

    def __init__(
        self,
        name: str,
        start: Mapping[str, Any],
        environment: Mapping[str, str],
        folders: Sequence[Path],
        selector: selectors.BaseSelector,
        sweeper: Sweeper,
        allowance: Allowance | None = None,
    ) -> None:
        self.name = name
        self._selector = selector
        self._sweeper = sweeper
        self._allowance = allowance
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise unstarted(name, error) from error
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
                raise unstarted(name, error) from error
        self._sweeper.began(self.process.pid)
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
        """Return what it has sent, that it is gone or has to go, or that it works though it sends nothing."""
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
        if not ended and self._allowance and (said := self._allowance.excess(self.process.pid)):
            events.append(Lost(said, "memory"))
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
            self._sweeper.ended(self.process.pid)
        except subprocess.TimeoutExpired:  # waits for a disk that does not answer; it will never run again
            log.warning("%s, process %d, cannot be ended just now.", self.name, self.process.pid)

    def _send(self, content: Mapping[str, Any]) -> None:
        with suppress(OSError):  # dead already: seen when it is asked for news
            self._channel.send(content)

    def _event(self, message: Message) -> Event:
        match message.content["type"]:
            case "alive":
                return Alive(str(message.content["place"]))
            case "ready":
                return Ready()
            case "unbuilt":
                return Unbuilt(_unbuilt(message))
            case "failed" | "measurement" | "report":
                return Answered(_answer(message), float(message.content["busy_s"]))
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


def unstarted(what: str, error: OSError) -> PbtGanError:
    """Return the error of what could not be started."""
    if error.errno == errno.EMFILE:  # a limit that somebody has set
        return ConfigError(f"Cannot start {what}: {error.strerror}. Allow more (ulimit -n), or use fewer workers.")
    return WorkerError(f"Cannot start {what}: {error.strerror}. Use fewer workers.")


def _answer(message: Message) -> Answer:
    values = message.content["values"]
    if message.content["type"] == "failed":
        return Failure(**values)
    if message.content["type"] == "measurement":
        return Measurement(**values)
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

"""The program of a worker process: it builds its task once and carries out orders until the run's process is gone.

Started by `executors.process` as `python -m pbt_gan.executors.worker NAME SOCKET FOLDER...`, where the folders
hold the members' states.
"""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure, Measurement
from pbt_gan.errors import PbtGanError, one_line, own_line
from pbt_gan.executors.allowance import hold
from pbt_gan.executors.determinism import make_deterministic
from pbt_gan.executors.exchange import SharedMemory
from pbt_gan.executors.messages import Channel
from pbt_gan.executors.spread import attached_to
from pbt_gan.executors.work import States, build, building, carry_out, device_clock
from pbt_gan.interfaces import Health, TaskReference

Inbox = SimpleQueue[Mapping[str, Any]]


def main() -> None:
    """Serve one executor."""
    name, handle, folders = sys.argv[1], int(sys.argv[2]), [Path(folder) for folder in sys.argv[3:]]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a signal to the whole job ends the run, and the run ends its workers
    os.set_inheritable(handle, False)
    channel = Channel(socket.socket(fileno=handle))
    inbox: Inbox = SimpleQueue()
    Thread(target=_listen, args=(channel, inbox), daemon=True).start()
    start = inbox.get()
    Thread(target=_beat, args=(channel, start["beat_s"]), daemon=True).start()
    os.nice(start["nice"])  # on Linux this thread and those that it starts, and not the two that talk to the run
    try:
        with building(name):
            for device in start["devices"]:
                if start["deterministic"]:
                    make_deterministic(device)
                if start["memory_fraction"] is not None and device != "cpu":
                    hold(start["memory_fraction"], device)
            health = Health(**start["health"])
            problem = build(TaskReference(start["task"], start["arguments"], start["total_steps"], health))
            trainer = attached_to(start["devices"], problem, Path(start["folder"]))
    except PbtGanError as error:
        details = "".join(traceback.format_exception(error.__cause__)) if error.__cause__ else ""
        kind = type(error).__name__
        channel.send({"type": "unbuilt", "kind": kind, "error": one_line(error), "details": details})
        return
    channel.send({"type": "ready"})
    first, count = start["devices"][0], len(start["devices"])
    states, clock = _states(folders, first), device_clock(first, alone=True, devices=count)
    while True:
        orders = [Order(**values) for values in inbox.get()["orders"]]
        began_s = time.monotonic()
        answers = carry_out(trainer, orders, states, start["seed"], name, clock, health)
        busy_s = time.monotonic() - began_s
        try:
            for answer in answers:
                content, payload = _packed(answer)
                channel.send({**content, "busy_s": busy_s}, payload)
        except BrokenPipeError:  # nobody is left to listen
            return


def _states(folders: Sequence[Path], device: str) -> States:
    shared = SharedMemory(folders)
    if device == "cpu":
        return shared
    from pbt_gan.executors.resident import Cuda, Resident  # imports torch

    return Resident(shared, Cuda())


def _listen(channel: Channel, inbox: Inbox) -> None:
    """Pass messages on; when the run's process is gone, end at once, whatever is being trained."""
    try:
        while True:
            for message in channel.receive():
                inbox.put(message.content)
    except EOFError:
        os.killpg(0, signal.SIGKILL)  # this process and all that the task has started


def _beat(channel: Channel, every_s: float) -> None:
    """Show that this process runs, and where: in a thread of its own, since a step may take long."""
    main = threading.main_thread().ident or 0
    with suppress(OSError):  # nobody is left to listen
        while True:
            channel.send({"type": "alive", "place": own_line(sys._current_frames().get(main))})
            time.sleep(every_s)


def _packed(answer: Answer) -> tuple[Mapping[str, Any], bytes]:
    """Return the message of an answer; pixels travel as they are, behind the JSON."""
    values = {field.name: getattr(answer, field.name) for field in fields(answer)}
    if isinstance(answer, Failure):
        del values["cause"]  # its traceback is among the details
        return {"type": "failed", "values": values}, b""
    if isinstance(answer, Measurement):
        return {"type": "measurement", "values": values}, b""
    preview = values.pop("preview")
    if preview is None:
        return {"type": "report", "values": values, "shape": None}, b""
    return {"type": "report", "values": values, "shape": preview.shape}, preview.tobytes()


if __name__ == "__main__":
    main()

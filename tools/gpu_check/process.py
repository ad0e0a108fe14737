"""A process that is given so much time and no more."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Ending(NamedTuple):
    """How a process ended."""

    code: int | None  # None: its time was over, and it was killed
    seconds: float


def run(command: Sequence[str], limit_s: float, log: Path, environment: Mapping[str, str]) -> Ending:
    """Run a command, and end it with all that it has started when its time is over; what it says is put into `log`."""
    began_s = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment, start_new_session=True
        )
        try:
            code: int | None = process.wait(max(0.0, limit_s))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    return Ending(code, time.monotonic() - began_s)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever of its process group is still there: on a GPU it would be in the way of the next."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

"""Worker processes on one machine: members train side by side and exchange states through shared memory."""

import atexit
import errno
import os
import selectors
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pbt_gan.errors import ConfigError, StorageError
from pbt_gan.executors.allowance import Allowance
from pbt_gan.executors.crew import Crew
from pbt_gan.executors.exchange import SharedMemory
from pbt_gan.executors.process import WorkerProcess, unstarted
from pbt_gan.executors.scratch import Scratch, places
from pbt_gan.executors.sweeper import Sweeper
from pbt_gan.executors.threads import environment
from pbt_gan.executors.work import NOTHING
from pbt_gan.interfaces import Health, TaskReference

_BEAT_S = 1.0  # between two heartbeats of a worker
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
        devices: such as "cpu" or "cuda:0"; given to the workers in turn, and several to each if there are more of them.
        threads: intra-op threads of each worker; on a CPU, results are equal only for equal numbers.
        group: how many members a worker trains at a time, on each of its devices.
        deterministic: equal bits in every run on a GPU too.
        patient: for ever with a worker that has hung; see `Crew`.
        memory_fraction: share of the machine's memory that each worker may have, or of its GPU's; None: no limit.
        nice: by how much the workers let others go first, 0 to 19.
        health: what is looked at after every order; None: what the reference says.

    Raises:
        ConfigError: there are no workers, some would have more devices than others, or too few files may be open.
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
        patient: bool = False,
        memory_fraction: float | None = None,
        nice: int = 0,
        health: Health | None = None,
    ) -> None:
        if workers < 1:
            raise ConfigError(f"executor.workers = {workers}, but there must be at least 1.")
        if len(devices) > workers and len(devices) % workers:
            raise ConfigError(
                f"executor.workers = {workers}, but {len(devices)} devices cannot be shared out evenly among them; "
                f"use 1 worker for all, or {len(devices)}."
            )
        self._devices = devices
        self._environment = {
            **os.environ,
            **environment(threads),
            "PYTHONPATH": os.pathsep.join(place or str(Path.cwd()) for place in sys.path),
        }
        self._start = {
            "task": task.name,
            "arguments": task.arguments,
            "total_steps": task.total_steps,
            "health": asdict(health or task.health),
            "seed": seed,
            "folder": str(folder),
            "deterministic": deterministic,
            "beat_s": _BEAT_S,
            "memory_fraction": memory_fraction,
            "nice": nice,
        }
        self._allowance = None if memory_fraction is None else Allowance(memory_fraction)
        self._scratch = _scratch()
        self._folders = [scratch.path for scratch in self._scratch]
        each = max(1, len(devices) // workers)  # devices of a worker
        super().__init__(SharedMemory(self._folders), posts=workers, group=group * each, patient=patient)
        atexit.register(self.close)
        try:
            self._sweeper = Sweeper(self._folders)
            self._selector = selectors.DefaultSelector()
            self._fill()
            self._sweeper.start()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise unstarted("worker processes", error) from error
            raise

    def close(self) -> None:
        """Kill the workers and remove their shared memory. May be called twice."""
        atexit.unregister(self.close)
        super().close()
        for scratch in self._scratch:
            scratch.close()
        if hasattr(self, "_sweeper"):
            self._sweeper.close()
        if hasattr(self, "_selector"):
            self._selector.close()

    def _hire(self, number: int) -> WorkerProcess:
        # Those of one worker are copied from device to device, those of several by way of memory that they share.
        devices = self._devices[number % len(self._devices) :: len(self._posts)]
        return WorkerProcess(
            f"worker-{number}",
            {**self._start, "devices": devices},
            self._environment,
            self._folders,
            self._selector,
            self._sweeper,
            self._allowance if "cpu" in devices else None,  # of a GPU's, torch keeps account in the worker
        )

    def _wait(self, timeout_s: float) -> None:
        began_s = time.monotonic()
        self._selector.select(timeout_s)
        overslept_s = time.monotonic() - began_s - timeout_s
        if overslept_s > _OVERSLEPT_S:  # perhaps the whole machine was, and its heartbeats with it
            self._excuse(overslept_s)


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
                raise unstarted("worker processes", error) from error
            refused.append(f"{place}: {error.strerror or error}")
    if not found:
        raise StorageError(
            f"There is no place for members' states ({'; '.join(refused)}). Point the variable TMPDIR to a folder that "
            "can be written, or use --executor serial."
        )
    return found

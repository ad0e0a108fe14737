"""A whole device: workers with a group each, against plain nets in one process and in many."""

import multiprocessing
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.cases import make_ready
from benchmarks.limit import DTYPES
from benchmarks.measurement import Measurement, median_of
from benchmarks.scaling import Way, train
from benchmarks.targets import SHARED_RATE, WHOLE_DEVICE
from benchmarks.timing import Work, in_turn, wait

THREADS = 2
"""Of the one process on a CPU; our workers have one each, and are as many."""

MEMBERS = {"cpu": {"digits": 8, "mnist": 4, "cifar10": 4}, "cuda": {"digits": 8, "seed-dcgan": 8}}
"""How many are trained in all, by device and case."""

ALONE = {"digits": (2, 4, 8), "mnist": (2,), "cifar10": (2,), "seed-dcgan": (2, 4, 8)}
"""Processes with one member each, in what torch does by itself: starting them is most of the time here."""

BUDGET_S = 15.0


class Side(NamedTuple):
    """What the device is used by."""

    way: Way
    processes: int
    threads: int  # of each process
    members: int  # of each process


class Crew:
    """Processes that train at the same time, and rest between two calls."""

    def __init__(self, name: str, device: str, side: Side) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(side.processes):
            here, there = context.Pipe()
            process = context.Process(target=serve, args=(there, name, device, side), daemon=True)
            process.start()
            self._pipes.append(here)
            there.close()  # or nobody would notice if the process ended
            self._processes.append(process)
        self._wait()  # until all have started

    def train(self, steps: int) -> None:
        """Take some steps with each member."""
        for pipe in self._pipes:
            pipe.send(steps)
        self._wait()

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.terminate()
            process.join()

    def _wait(self) -> None:
        for pipe in self._pipes:
            pipe.recv()


def serve(pipe: Connection, name: str, device: str, side: Side) -> None:
    """Train for so many steps as are asked for, until this process is ended."""
    torch.set_num_threads(side.threads)
    with tempfile.TemporaryDirectory() as folder:
        ready = make_ready(name, side.way.dtype, device, Path(folder))
    work = train(side.way, ready, device, side.members)
    while True:
        pipe.send(None)
        work(pipe.recv())
        wait(device)


def main() -> Iterator[Measurement]:
    """Measure on the CPU, and on a GPU if there is one."""
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for name in MEMBERS[device]:
            yield from case(name, device)


def case(name: str, device: str, budget_s: float = BUDGET_S) -> Iterator[Measurement]:
    """Measure one case; all sides take turns on the same cores."""
    members = MEMBERS[device][name]
    workers, threads = (THREADS, THREADS) if device == "cpu" else (1, 1)
    with ExitStack() as stack:
        works: dict[Side, Work] = {}
        pairs: list[tuple[Side, Side]] = []
        for dtype in DTYPES[device]:
            ours = Side(Way("group", dtype), workers, 1, members // workers)
            theirs = Side(Way("one after another", dtype), 1, threads, members)
            pairs.append((ours, theirs))
        default = Way("one after another", DTYPES[device][0])
        alone = [Side(default, processes, 1, 1) for processes in ALONE[name]]
        for side in (*(side for pair in pairs for side in pair), *alone):
            crew = Crew(name, device, side)
            stack.callback(crew.close)
            works[side] = crew.train
        timings = in_turn(works, device, budget_s)
    for side, timing in timings.items():
        rates = [side.processes * side.members / step_s for step_s in timing.rounds]
        yield median_of(SHARED_RATE, rates, "1/s", setting(name, device, side))
    for ours, theirs in pairs:
        gains = timings[ours].over(timings[theirs])
        yield median_of(WHOLE_DEVICE, gains, "", setting(name, device, ours))


def setting(name: str, device: str, side: Side) -> Mapping[str, object]:
    """Return a side as the setting of a measurement."""
    return {
        "case": name,
        "way": side.way.name,
        "processes": side.processes,
        "members": side.processes * side.members,
        "dtype": side.way.dtype,
        "threads": side.threads,
        "device": device,
    }

"""Time and memory as work grows: with members, pixels, workers, ready intervals and steps."""

import math
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.cases import POWERS
from benchmarks.measurement import Measurement, median_of
from benchmarks.memory import MB, allocated, forget_peak, peak
from benchmarks.parts import training
from benchmarks.targets import GROWTH
from benchmarks.timing import Work, in_turn


class Case(NamedTuple):
    """What takes steps."""

    settings: Mapping[str, Any]
    members: int
    size: int
    channels: int

    def train(self, steps: int) -> None:
        """Take some, all begun anew."""
        self.work()(steps)

    def work(self) -> Work:
        """Return what takes them."""
        return training(self.settings, self.members, "cpu", self.size, self.channels)


NARROW: Mapping[str, Any] = {"width": 8, "kernel": 4, "full_size_layer": False}
"""Nets that every size has: a layer for each halving, with twice as many channels as the one before."""

SMALLEST: Mapping[str, Any] = {"width": 2, "z_size": 2, "batch_size": 2}
"""Takes next to no memory, but loads what every step needs."""

SIZES = (8, 16, 32, 64, 128)
WORKERS = (1, 2)
READY_INTERVALS = (10, 20, 40, 100, 200)
STEPS = (100, 200, 400, 800)
MEMBERS = 8
"""Of a whole run."""

BUDGET_S = 12.0
PAUSE_S = 0.1

CASE = {"members": "`digits`, one thread", "pixels along a side": "DCGAN, width 8, one member, one thread"}
"""Of what is no whole run."""

RUN = "`digits`, 8 members, whole command"


class Fit(NamedTuple):
    """A power law y = c·xᵉ through points, by least squares of the logarithms."""

    exponent: float
    factor: float
    margin: float | None  # 95 % of the time the exponent is no further off; None: there are too few points


def fitted(xs: Sequence[float], ys: Sequence[float]) -> Fit:
    """Fit a power law.

    >>> [round(part, 6) for part in fitted([1, 2, 4], [3, 12, 48])]
    [2.0, 3.0, 0.0]
    """
    from scipy import stats

    line = stats.linregress([math.log(x) for x in xs], [math.log(y) for y in ys])
    free = len(xs) - 2
    margin = float(stats.t.ppf(0.975, free) * line.stderr) if free > 0 else None
    return Fit(float(line.slope), math.exp(line.intercept), margin)


def main() -> Iterator[Measurement]:
    """Measure all, each against what it should grow with and nothing else."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from of_steps("members", {members: Case({}, members, 8, 1) for members in POWERS})
        yield from of_steps("pixels along a side", {size: Case(NARROW, 1, size, 3) for size in SIZES})
    finally:
        torch.set_num_threads(threads)
    yield from of_runs("workers", {workers: run_of(300, 100, workers) for workers in WORKERS})
    yield from of_runs("ready interval", {interval: run_of(200, interval) for interval in READY_INTERVALS})
    yield from of_runs("steps", {steps: run_of(steps, 50) for steps in STEPS})


def of_steps(against: str, cases: Mapping[int, Case]) -> Iterator[Measurement]:
    """Measure a step of all members, and by how much a process grows that takes some."""
    works = {at: case.work() for at, case in cases.items()}
    for at, timing in in_turn(works, "cpu", BUDGET_S).items():
        times_ms = [1_000 * step_s for step_s in timing.rounds]
        yield median_of(GROWTH, times_ms, "ms", setting(against, at, "time of a step", CASE[against]))
    for at, case in cases.items():
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            used = pool.submit(used_bytes, case).result()
        yield Measurement(GROWTH, used / MB, "MB", setting=setting(against, at, "memory", CASE[against]))


def used_bytes(case: Case) -> int:
    """Return by how much this process grows at its peak while members train."""
    torch.set_num_threads(1)
    case._replace(settings={**case.settings, **SMALLEST}, members=1).train(1)
    forget_peak("cpu")
    before = allocated("cpu")
    case.train(2)
    return peak("cpu") - before


def run_of(steps: int, ready: int, workers: int = 2) -> list[str]:
    """Return the arguments of a run whose members all train to the end."""
    return [
        "digits", "--steps", str(steps), "--workers", str(workers), "--set", f"pbt.population=[[0, {MEMBERS}]]",
        "--set", f"pbt.ready_interval={ready}", "--set", "pbt.selection.warmup=0",
    ]  # fmt: skip


def of_runs(against: str, runs: Mapping[int, Sequence[str]]) -> Iterator[Measurement]:
    """Measure whole commands: seconds, the most memory that all their processes held, and what they leave on disk."""
    for at, arguments in runs.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "run"
            seconds, memory = run(["train", *arguments, "--out", str(folder)])
            disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        told = partial(setting, against, at, case=RUN)
        yield Measurement(GROWTH, seconds, "s", setting=told("time"))
        if memory:
            yield Measurement(GROWTH, memory / MB, "MB", setting=told("memory"))
        yield Measurement(GROWTH, disk / MB, "MB", setting=told("disk"))


def run(arguments: Sequence[str]) -> tuple[float, int]:
    """Run a command of the program; return its seconds, and the most bytes that it and its children held together."""
    began, most = time.perf_counter(), 0
    command = [sys.executable, "-m", "pbt_gan", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, held_bytes(process.pid))
            time.sleep(PAUSE_S)
    if process.returncode:
        raise RuntimeError(f"pbt-gan {' '.join(arguments)} ended with {process.returncode}")
    return time.perf_counter() - began, most


def held_bytes(pid: int) -> int:
    """Return what a process and its descendants hold, what they share counted once; 0: it cannot be known here."""
    folder, total = Path("/proc") / str(pid), 0
    try:
        rollup = (folder / "smaps_rollup").read_text()
        total = sum(1_024 * int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        children = [child for task in (folder / "task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return total
    return total + sum(held_bytes(int(child)) for child in children)


def setting(against: str, at: int, of: str, case: str) -> Mapping[str, Any]:
    """Return what was measured as the setting of a measurement."""
    return {"against": against, "at": at, "of": of, "case": case, "device": "cpu"}

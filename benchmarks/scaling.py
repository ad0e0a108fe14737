"""Member steps a second against the size of the group, beside the same nets one after another and the limit."""

import gc
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.cases import CASES, POWERS, make_task
from benchmarks.group import Group
from benchmarks.limit import DTYPES, matrix_rate, precision, step_flops
from benchmarks.measurement import Measurement, median_of
from benchmarks.plain import Member, OneAfterAnother, OneGraphEach
from benchmarks.timing import Timing, Work, in_turn
from pbt_gan.core.rng import stream
from pbt_gan.gan.task import GanTask

SCALED = ("digits", "seed-dcgan-64", "seed-dcgan", "paper-wgan-gp-64", "paper-wgan-gp")

BUDGET_S = 15.0
"""For all ways at one size of the group."""

SEED_MEMBERS = 20
"""The population of the seed project; on a GPU it is measured beside the powers of two."""

TARGETS: Mapping[tuple[str, str, int, str], str] = {
    ("digits", "cpu", 4, "float32"): ">= 2.5",
    ("digits", "cuda", 32, "tf32"): ">= 20",
    ("seed-dcgan", "cuda", SEED_MEMBERS, "tf32"): ">= 2",
    ("seed-dcgan-64", "cuda", SEED_MEMBERS, "tf32"): ">= 4",
}
"""Times as many member steps a second as one after another in the same dtype."""

DEFAULT_TARGETS: Mapping[tuple[str, str, int, str], str] = {
    ("seed-dcgan", "cuda", SEED_MEMBERS, "bfloat16"): ">= 3.5",
    ("seed-dcgan-64", "cuda", SEED_MEMBERS, "bfloat16"): ">= 7",
}
"""And as one after another in what torch does by itself."""

SHARE_TARGETS: Mapping[tuple[str, str], str] = {
    ("digits", "float32"): ">= 35",
    ("cifar10", "float32"): ">= 55",
    ("seed-dcgan", "tf32"): ">= 35",
    ("seed-dcgan", "bfloat16"): ">= 25",
}
"""Percent of the matrix rate of the same dtype, on a CPU and on a GPU."""


class Way(NamedTuple):
    """How members are trained."""

    name: str  # group, one after another, one graph each
    dtype: str


def main() -> Iterator[Measurement]:
    """Measure on one thread of the CPU, and on a GPU if there is one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
            rates = {dtype: matrix_rate(dtype, device) for dtype in DTYPES[device]}
            for dtype, rate in rates.items():
                setting = {"dtype": dtype, "threads": 1, "device": device}
                yield Measurement("matrix rate", rate / 1e9, "GFLOP/s", setting=setting)
            for name in SCALED:
                yield from case(name, device, rates)
    finally:
        torch.set_num_threads(threads)


def case(name: str, device: str, rates: Mapping[str, float]) -> Iterator[Measurement]:
    """Measure one case, from one member upwards, as far as time and memory go."""
    with tempfile.TemporaryDirectory() as folder:
        tasks = {dtype: make_task(name, dtype, device, Path(folder)) for dtype in DTYPES[device]}
    flops = step_flops(plain_members(tasks[DTYPES[device][0]], device, 1)[0])
    for dtype, rate in rates.items():
        setting = {"case": name, "dtype": dtype, "threads": 1, "device": device}
        yield Measurement("limit of member steps per second", rate / flops, "1/s", setting=setting)
    for members in sizes(name, device):
        try:
            works = ways(tasks, device, members)
            timings = in_turn(works, device, BUDGET_S)
        except torch.OutOfMemoryError:
            return
        yield from measurements(name, device, members, timings, flops, rates)
        del works
        gc.collect()  # or the largest group would have to share the device with all smaller ones
        if sum(timing.median_s for timing in timings.values()) > BUDGET_S:
            return  # twice as many would take a round of twice the budget


def sizes(name: str, device: str) -> Sequence[int]:
    """Return the group sizes to be measured."""
    return CASES[name].cpu_members if device == "cpu" else sorted({*POWERS, SEED_MEMBERS})


def ways(tasks: Mapping[str, GanTask], device: str, members: int) -> Mapping[Way, Work]:
    """Return all ways of training so many members for some steps."""
    names = ("group", "one after another", *(["one graph each"] if device == "cuda" else []))
    return {
        Way(name, dtype): train(Way(name, dtype), tasks[dtype], device, members) for dtype in tasks for name in names
    }


def train(way: Way, task: GanTask, device: str, members: int) -> Work:
    """Return one way of training so many members, all begun anew."""
    with precision(way.dtype):
        if way.name == "group":
            return under(way.dtype, Group(task, members).train)
        plain = plain_members(task, device, members)
        return under(
            way.dtype, OneGraphEach(plain).train if way.name == "one graph each" else OneAfterAnother(plain).train
        )


def under(dtype: str, work: Work) -> Work:
    """Return the work done in a precision."""

    def done(steps: int) -> None:
        with precision(dtype):
            work(steps)

    return done


def plain_members(task: GanTask, device: str, count: int) -> list[Member]:
    """Return members made of plain modules."""
    images = torch.from_numpy(task.dataset.images).permute(0, 3, 1, 2).contiguous().to(device)
    return [Member(task.settings, images, stream(0, "init", member)) for member in range(count)]


def measurements(
    name: str, device: str, members: int, timings: Mapping[Way, Timing], flops: float, rates: Mapping[str, float]
) -> Iterator[Measurement]:
    """Say what the timings of one group size mean."""
    default = timings[Way("one after another", DTYPES[device][0])]
    for way, timing in timings.items():
        setting = {
            "case": name,
            "way": way.name,
            "members": members,
            "dtype": way.dtype,
            "threads": 1,
            "device": device,
        }
        each = [members / seconds for seconds in timing.rounds]
        yield median_of("member steps per second", each, "1/s", setting)
        shares = [100 * rate * flops / rates[way.dtype] for rate in each]
        if way.name != "group":
            yield median_of("share of the matrix rate", shares, "%", setting)
            continue
        yield median_of("share of the matrix rate", shares, "%", setting, SHARE_TARGETS.get((name, way.dtype)))
        gains = timing.over(timings[Way("one after another", way.dtype)])
        target = TARGETS.get((name, device, members, way.dtype))
        yield median_of("times one after another", gains, "", setting, target)
        if way.dtype != DTYPES[device][0]:
            target = DEFAULT_TARGETS.get((name, device, members, way.dtype))
            yield median_of("times one after another in torch's default", timing.over(default), "", setting, target)

"""Member steps a second against the size of the group, beside the same nets one after another and the limit."""

import gc
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.cases import CASES, POWERS, Ready, make_ready
from benchmarks.flops import step_flops
from benchmarks.group import Group
from benchmarks.limit import DTYPES, precision, product, product_flops
from benchmarks.measurement import Measurement, median_of
from benchmarks.plain import Member, OneAfterAnother, OneGraphEach
from benchmarks.targets import GAIN, GAIN_OVER_DEFAULT, LIMIT, MATRIX_RATE, RATE, SEED_RUN, SHARE, STEP
from benchmarks.timing import Timing, Work, in_turn
from pbt_gan.core.rng import stream
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.training.loop import BLOCK

SCALED = ("digits", "cifar10", "64×64", "seed-dcgan-64", "seed-dcgan", "paper-wgan-gp-64", "paper-wgan-gp")

BUDGET_S = 10.0
"""For all ways at one size of the group."""

ORDER = 2 * BLOCK
"""Steps of an order on a GPU; the shortest ones of runs have as many."""

SEED_MEMBERS, SEED_STEPS = 20, 47_000
"""The seed project's run; on a GPU its population is measured beside the powers of two."""


class Way(NamedTuple):
    """How members are trained."""

    name: str  # group, one after another, one graph each; product: what the device could do
    dtype: str


def main() -> Iterator[Measurement]:
    """Measure on one thread of the CPU, and on a GPU if there is one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
            for name in SCALED:
                if sizes(name, device):
                    yield from case(name, device, sizes(name, device))
    finally:
        torch.set_num_threads(threads)


def case(name: str, device: str, sizes: Sequence[int], budget_s: float = BUDGET_S) -> Iterator[Measurement]:
    """Measure groups of these sizes, from the smallest upwards, as far as time and memory go."""
    with tempfile.TemporaryDirectory() as folder:
        ready = {dtype: make_ready(name, dtype, device, Path(folder)) for dtype in DTYPES[device]}
    flops = step_flops(plain_members(ready[DTYPES[device][0]], device, 1)[0])
    for members in sizes:
        try:
            works = ways(ready, device, members)
            timings = in_turn(works, device, budget_s, orders(works, device))
        except torch.OutOfMemoryError:
            return
        yield from measurements(name, device, members, timings, flops)
        del works
        release(device)  # or the largest group would have to share the device with all smaller ones
        if sum(timing.median_s for timing in timings.values()) > budget_s:
            return  # twice as many would take a round of twice the budget


def orders(works: Mapping[Way, Work], device: str) -> Mapping[Way, int]:
    """Return the steps that groups are asked for at a time; on a GPU a step alone costs something else."""
    return {way: ORDER for way in works if way.name == "group" and device != "cpu"}


def release(device: str) -> None:
    """Give back the memory of what is no longer used."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def sizes(name: str, device: str) -> Sequence[int]:
    """Return the group sizes to be measured."""
    return CASES[name].cpu_members if device == "cpu" else sorted({*POWERS, SEED_MEMBERS})


def ways(ready: Mapping[str, Ready], device: str, members: int) -> Mapping[Way, Work]:
    """Return all ways of training so many members for some steps."""
    names = ("group", "one after another", *(["one graph each"] if device == "cuda" else []))
    # The device's limit is timed beside them: it too depends on what else the machine does.
    products: dict[Way, Work] = {Way("product", dtype): product(dtype, device) for dtype in ready}
    return products | {
        Way(name, dtype): train(Way(name, dtype), ready[dtype], device, members) for dtype in ready for name in names
    }


def train(way: Way, ready: Ready, device: str, members: int) -> Work:
    """Return one way of training so many members, all begun anew."""
    with precision(way.dtype):
        if way.name == "group":
            return under(way.dtype, Group(ready, members).train)
        plain = plain_members(ready, device, members)
        turns = OneGraphEach(plain) if way.name == "one graph each" else OneAfterAnother(plain)
        return under(way.dtype, turns.train)


def under(dtype: str, work: Work) -> Work:
    """Return the work done in a precision."""

    def done(steps: int) -> None:
        with precision(dtype):
            work(steps)

    return done


def plain_members(ready: Ready, device: str, count: int) -> list[Member]:
    """Return members made of plain modules, all with the same weights."""
    born = Member(ready.task.settings, images_of(ready.task, device), stream(0, "init"))
    return [born, *(born.twin() for _ in range(count - 1))]


def images_of(task: GanTask, device: str) -> Tensor:
    """Return what is trained on, uint8[N, C, H, W]."""
    return torch.from_numpy(task.dataset.images).permute(0, 3, 1, 2).contiguous().to(device)


def measurements(
    name: str, device: str, members: int, timings: Mapping[Way, Timing], flops: float
) -> Iterator[Measurement]:
    """Say what the timings of one group size mean; `flops`: of one member's step."""
    default = DTYPES[device][0]
    for way, timing in timings.items():
        common = {"case": name, "members": members, "dtype": way.dtype, "threads": 1, "device": device}
        if way.name == "product":
            rates = [product_flops(device) / product_s for product_s in timing.rounds]
            yield median_of(MATRIX_RATE, [rate / 1e9 for rate in rates], "GFLOP/s", common)
            yield median_of(LIMIT, [rate / flops for rate in rates], "1/s", common)
            continue
        setting = {**common, "way": way.name}
        yield median_of(RATE, [members / step_s for step_s in timing.rounds], "1/s", setting)
        work = 100 * members * flops / product_flops(device)
        shares = [work * share for share in timing.over(timings[Way("product", way.dtype)])]
        yield median_of(SHARE, shares, "%", setting)
        if way.name == "group":
            yield median_of(STEP, [1_000 * step_s / members for step_s in timing.rounds], "ms", setting)
            yield median_of(GAIN, timing.over(timings[Way("one after another", way.dtype)]), "", setting)
            if way.dtype != default:
                gains = timing.over(timings[Way("one after another", default)])
                yield median_of(GAIN_OVER_DEFAULT, gains, "", setting)
            if members == SEED_MEMBERS:
                yield median_of(SEED_RUN, [SEED_STEPS * step_s / 60 for step_s in timing.rounds], "min", setting)

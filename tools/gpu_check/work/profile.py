"""Where the time of an order goes: which kernels take which share of it, how many there are, and when there is none."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.cases import make_ready
from benchmarks.group import Group
from benchmarks.limit import precision
from benchmarks.measurement import Measurement
from benchmarks.timing import wait

STEPS = 60
"""More than a block, so that the draws of the second are among it."""

KERNELS = 15

Span = tuple[float, float]


def main(device: str, tiny: bool, case: str, members: str, dtype: str) -> Iterator[Measurement]:
    """Train an order and look at its kernels; on a CPU, at its operations."""
    count, steps = (2, 2) if tiny else (int(members), STEPS)
    case, dtype = ("digits", "float32") if tiny else (case, dtype)
    with tempfile.TemporaryDirectory() as folder:
        ready = make_ready(case, dtype, device, Path(folder))
    group = Group(ready, count)
    kind, activity = (
        (DeviceType.CPU, ProfilerActivity.CPU) if device == "cpu" else (DeviceType.CUDA, ProfilerActivity.CUDA)
    )
    with precision(dtype):
        group.train(2)
        wait(device)
        with profile(activities=[activity]) as seen:
            group.train(steps)
            wait(device)
    kernels = [
        (event.name, (event.time_range.start, event.time_range.end))
        for event in seen.events() or ()
        if event.device_type == kind
    ]
    setting = {"case": case, "members": count, "dtype": dtype, "device": device}
    yield Measurement("kernels a step", len(kernels) / steps, "", setting=setting)
    if not kernels:
        return
    begin, end = min(span[0] for _, span in kernels), max(span[1] for _, span in kernels)
    gaps = idle([span for _, span in kernels])
    yield Measurement("a step in an order", (end - begin) / steps / 1_000, "ms", setting=setting)
    yield Measurement("no kernel runs, share of an order", 100 * sum(gaps) / (end - begin), "%", setting=setting)
    yield Measurement("longest time without a kernel", max(gaps, default=0.0) / 1_000, "ms", setting=setting)
    times: Counter[str] = Counter()
    for name, (began, ended) in kernels:
        times[name] += ended - began
    for name, time_us in times.most_common(KERNELS):
        named = {**setting, "kernel": name[:100]}
        yield Measurement("kernel, share of the time of all", 100 * time_us / times.total(), "%", setting=named)


def idle(spans: Sequence[Span]) -> list[float]:
    """Return how long the times are in which nothing runs.

    >>> idle([(0, 2), (1, 3), (5, 6)])
    [2]
    """
    gaps, until = [], None
    for began, ended in sorted(spans):
        if until is not None and began > until:
            gaps.append(began - until)
        until = ended if until is None else max(until, ended)
    return gaps

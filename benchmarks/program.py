"""What a GPU is asked to do in a step of each preset: counted without one, by the shapes alone.

`python -m benchmarks.program` tells of all, `python -m benchmarks.program seed-dcgan` of one and its operations.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.costs import H200_TF32
from benchmarks.fake_gpu import fake_gpu
from benchmarks.meter import Meter
from pbt_gan.config.source import presets, read_config
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, dtype_of, make_step
from pbt_gan.gan.training.stacking import State
from pbt_gan.validation import validated

GREY = {"digits": 8, "mnist": 28, "fashion-mnist": 28}
COLOUR = {"small-data": 28, "faces-64": 64, "photos-128": 128}
"""Pixels a side of a preset's images; others have 32, in colours."""

MEMBERS = 20
IMAGES = 200
CLASSES = 3


class Program(NamedTuple):
    """What a group asks of a GPU."""

    step: Meter  # in each step
    order: Meter  # once in an order, besides its steps


def settings_of(preset: str, **changes: Any) -> GanSettings:
    """Return the settings of a preset's task."""
    return validated(GanSettings, {**read_config(preset).task.options, **changes}, "task")


def shape_of(preset: str) -> tuple[int, int]:
    """Return pixels a side and channels of a preset's images."""
    return (GREY[preset], 1) if preset in GREY else (COLOUR.get(preset, 32), 3)


def program(settings: GanSettings, size: int, channels: int, members: int = MEMBERS) -> Program:
    """Return what so many members ask of a GPU who train side by side.

    The second step of an order tells what a step is: the first one may also make what is kept.
    """
    with fake_gpu() as meter:
        loop = make_loop(settings, size, channels)
        one, two = (order(loop, meter, [{}] * members, steps) for steps in (1, 2))
    return Program(two - one, one - (two - one))


def make_loop(settings: GanSettings, size: int, channels: int) -> Loop:
    """Return what trains members on a GPU that is not there; to be called inside of `fake_gpu`."""
    classes = CLASSES if settings.conditional else 0
    images = ImagesInMemory(np.zeros((IMAGES, size, size, channels), np.uint8), "cuda", dtype_of(settings))
    labels = np.arange(IMAGES) % classes if classes else None
    step = make_step(settings, size, channels, "cuda", classes)
    with patch.object(Loop, "init", newborn):
        return Loop(settings, step, images, "cuda", labels, classes)


def newborn(loop: Loop, rng: object = None) -> State:
    """Return a member without numbers: where nothing is computed, nobody has to draw them."""
    nets = loop.step.generator, loop.step.discriminator
    g, d = (torch.empty(net.layout.size, dtype=loop._dtype, device="cuda") for net in nets)
    return loop.step.initial_state(g, d, average=loop._settings.ema)


def order(loop: Loop, meter: Meter, hyperparams: Sequence[Hyperparams], steps: int) -> Meter:
    """Return what members ask of a GPU in an order of so many steps."""
    states = [newborn(loop) for _ in hyperparams]
    streams = [partial(stream, 0, "train", member) for member in range(len(states))]
    before = meter.copy()
    loop.train(states, hyperparams, steps, streams)
    return meter - before


def main(names: Sequence[str]) -> Iterator[str]:
    """Tell of presets, a line each; of those that are named, also of their operations."""
    yield f"A step of {MEMBERS} members. At least: derived from the data sheet of an {H200_TF32.name}, not measured."
    for preset in names or sorted(presets()):
        for dtype in ("tf32", "bfloat16"):
            step = program(settings_of(preset, dtype=dtype), *shape_of(preset)).step
            total, least_s = step.total, step.least_s(H200_TF32)
            yield (
                f"{preset:14} {dtype:8} {total.launches:6,} launches, {step.convolutions:5,} convolutions, "
                f"{step.waits.total()} waits, {total.moved_bytes / 1e9:8.3f} GB, {total.flops / 1e12:7.3f} TFLOP, "
                f"{step.sent_bytes / 1e6:5.2f} MB sent, at least {1_000 * least_s:7.2f} ms"
            )
            for name, cost in step.by_operation.items() if names else ():
                gigabytes, teraflops = cost.moved_bytes / 1e9, cost.flops / 1e12
                yield f"  {name:36} {cost.launches:6,} launches {gigabytes:8.3f} GB {teraflops:7.3f} TFLOP"


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)

"""What a GPU is asked to do in a step of each preset: counted without one, by the shapes alone."""

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.costs import Cost
from benchmarks.fake_gpu import Meter, fake_gpu
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

IMAGES = 200
CLASSES = 3


def settings_of(preset: str, **changes: Any) -> GanSettings:
    """Return the settings of a preset's task."""
    config = read_config(preset, [{"task": changes}])
    return validated(GanSettings, {**config.task.options}, "task")


def shape_of(preset: str) -> tuple[int, int]:
    """Return pixels a side and channels of a preset's images."""
    return (GREY[preset], 1) if preset in GREY else (COLOUR.get(preset, 32), 3)


def make_loop(settings: GanSettings, size: int, channels: int) -> Loop:
    """Return what trains members on a GPU that is not there; to be asked for inside of `fake_gpu`."""
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


def order(settings: GanSettings, size: int, channels: int, members: int, steps: int) -> Meter:
    """Return what members ask of a GPU who train so many steps side by side."""
    with fake_gpu() as meter:
        loop = make_loop(settings, size, channels)
        states = [newborn(loop) for _ in range(members)]
        rates: list[Hyperparams] = [{"lr_g": 1e-3, "lr_d": 1e-3}] * members
        streams = [partial(stream, 0, "train", member) for member in range(members)]
        before = _reading(meter)
        loop.train(states, rates, steps, streams)
    return _since(meter, before)


def step(settings: GanSettings, size: int, channels: int, members: int) -> Meter:
    """Return what one step asks: what an order of four steps asks more than one of three."""
    few, more = (order(settings, size, channels, members, steps) for steps in (3, 4))
    return _since(more, _reading(few))


def _reading(meter: Meter) -> Meter:
    return Meter(
        meter.total, meter.convolutions, list(meter.waits), meter.sent_bytes, meter.fetched_bytes,
        by_operation=dict(meter.by_operation),
    )  # fmt: skip


def _since(meter: Meter, before: Meter) -> Meter:
    """Return what was asked since an earlier reading."""
    return Meter(
        meter.total - before.total,
        meter.convolutions - before.convolutions,
        meter.waits[len(before.waits) :],
        meter.sent_bytes - before.sent_bytes,
        meter.fetched_bytes - before.fetched_bytes,
        by_operation={name: cost - before.by_operation.get(name, Cost()) for name, cost in meter.by_operation.items()},
    )


def main(arguments: list[str]) -> Iterator[str]:
    """Tell of each preset, or of those named, with P members."""
    members = 20
    for preset in arguments or sorted(presets()):
        for dtype in ("float32", "bfloat16"):
            found = step(settings_of(preset, dtype=dtype), *shape_of(preset), members)
            total = found.total
            yield (
                f"{preset:16} {dtype:9} P={members} launches {total.launches:6} convolutions {found.convolutions:4} "
                f"waits {len(found.waits)} GB {total.moved_bytes / 1e9:8.3f} TFLOP {total.flops / 1e12:7.3f} "
                f"sent MB {found.sent_bytes / 1e6:.2f}"
            )
            if arguments:
                for name, cost in sorted(found.by_operation.items(), key=lambda item: -item[1].moved_bytes)[:25]:
                    yield f"    {name:40} {cost.launches:5} {cost.moved_bytes / 1e9:8.3f} GB {cost.flops / 1e12:.3f}"


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)

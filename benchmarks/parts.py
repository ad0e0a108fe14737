"""What each net costs, and what each loss, penalty and transform adds to a step of the plain one."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.flops import FlopCounter
from benchmarks.measurement import Measurement, median_of
from benchmarks.targets import RATE
from benchmarks.timing import Work, in_turn
from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory, ImageSource
from pbt_gan.gan.games.table import LOSSES, PENALTIES, TRANSFORMS
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, dtype_of, make_step

IMAGES, SIZE, CHANNELS = 1_000, 32, 3
BUDGET_S = 60.0

FREE: Mapping[str, Any] = {"width": 16, "discriminator_norm": "none"}
"""What parts of a game are compared with: small nets, in which they show, that every penalty goes with."""


class Case(NamedTuple):
    """What is trained; `beside`: what its cost is compared with, if with anything."""

    settings: Mapping[str, Any]
    beside: str | None = None


CASES: Mapping[str, Case] = {
    **{f"net {name}": Case({"net": name}) for name in NETS},
    "plain": Case(FREE),
    **{f"loss {name}": Case({**FREE, "loss": name}, "plain") for name in LOSSES if LOSSES[name].bounded},
    **{f"penalty {name}": Case({**FREE, "penalties": (name,)}, "plain") for name in PENALTIES},
    **{f"transform {name}": Case({**FREE, "augment": name}, "plain") for name in TRANSFORMS},
    "spectral norm": Case({**FREE, "discriminator_norm": "spectral"}, "plain"),
}
"""By name; those that are compared come after what they are compared with."""


def main() -> Iterator[Measurement]:
    """Measure one member in one thread of the CPU, and on a GPU eight if there is one."""
    torch.set_num_threads(1)
    for device, members in (("cpu", 1), ("cuda", 8)) if torch.cuda.is_available() else (("cpu", 1),):
        works = {name: training(case.settings, members, device) for name, case in CASES.items()}
        for name, work in works.items():
            with FlopCounter() as counter:  # type: ignore[no-untyped-call]
                work(1)
            setting = {"case": name, "members": members, "device": device}
            yield Measurement(
                "FLOPs of a member step as computed", counter.total / members / 1e9, "GFLOP", None, setting
            )
        # Nets apart from the rest: beside those that take seconds a step, what a part adds would be timed only once.
        nets = {name: work for name, work in works.items() if name.startswith("net ")}
        parts = {name: work for name, work in works.items() if name not in nets}
        timings = {**in_turn(nets, device, BUDGET_S), **in_turn(parts, device, BUDGET_S)}
        for name, timing in timings.items():
            setting = {"case": name, "members": members, "dtype": "float32", "threads": 1, "device": device}
            yield median_of(RATE, [members / step_s for step_s in timing.rounds], "1/s", setting)
            if beside := CASES[name].beside:
                yield median_of("times the plain step", timings[beside].over(timing), "", setting)


def training(
    arguments: Mapping[str, Any], members: int, device: str, size: int = SIZE, channels: int = CHANNELS
) -> Work:
    """Return what trains some members for some steps, on images of size × size pixels."""
    settings = GanSettings.model_validate(arguments)
    source = random_images(settings, size, channels, device)
    loop = Loop(settings, make_step(settings, size, channels, device), source, device)
    born = loop.init(stream(0, "init"))  # one for all, since to draw weights takes long
    states = [codec.clone(born) for _ in range(members)]
    calls = count()

    def train(steps: int) -> None:
        call = next(calls)
        streams = [partial(stream, 0, "train", member, call) for member in range(members)]
        trained = loop.train(states, [{}] * members, steps, streams)
        states[:] = [training.state for training in trained]

    return train


def random_images(settings: GanSettings, size: int, channels: int, device: str) -> ImageSource:
    """Return random pixels to train on."""
    images = stream(0, "images").integers(0, 256, (IMAGES, size, size, channels), np.uint8)
    return ImagesInMemory(images, device, dtype_of(settings))

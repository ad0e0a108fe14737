"""Images in memory, mapped from a file, and read from the disk: does training wait for them?

Of data that is larger than memory a batch comes from the disk. That is brought about here with data of any size: the
system is asked to let go of the file before each stretch of steps, which needs no rights.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.cases import unprepared
from benchmarks.measurement import Measurement, median_of
from benchmarks.timing import Work, in_turn
from pbt_gan.core.rng import stream
from pbt_gan.gan.data.pixels import mapped
from pbt_gan.gan.data.source import ImagesInMemory, ImageSource, ImagesWhereTheyLie
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import BLOCK, Loop, dtype_of, make_step

CASE = "cifar10"
COUNT = 100_000
SHAPE = (COUNT, 32, 32, 3)
PART = 10_000  # images that are made at a time
WIDTH = 16  # of the nets: a step of small ones leaves least time to read for the next
BUDGET_S = 40.0


def main() -> Iterator[Measurement]:
    """Measure one worker's training on the CPU, with images that lie in three places."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "images.u8"
        with path.open("wb") as file:
            for begin in range(0, COUNT, PART):
                file.write(stream(0, "images", begin).integers(0, 256, (PART, *SHAPE[1:]), np.uint8).tobytes())
            file.flush()
            os.fsync(file.fileno())  # or the system could not let go of it
        settings = unprepared(CASE, "float32", Path(name)).settings.model_copy(update={"width": WIDTH})
        copied = ImagesInMemory(mapped(path, SHAPE), "cpu", dtype_of(settings))
        works = {
            "in memory": training(settings, lambda: copied),
            "mapped": training(settings, lambda: there(path, settings)),
            "from the disk": training(settings, lambda: forgotten(path, settings)),
        }
        timings = in_turn(works, "cpu", BUDGET_S)
    for way, timing in timings.items():
        setting = {"case": CASE, "way": way, "members": 1, "dtype": "float32", "threads": 1, "device": "cpu"}
        yield median_of("steps per second, streaming", [1 / step_s for step_s in timing.rounds], "1/s", setting)
        if way != "in memory":
            gains = timing.over(timings["in memory"])
            spread = (min(gains), max(gains))
            yield Measurement("times images in memory", median(gains), "", ">= 0.95", setting, spread)


def training(settings: GanSettings, images: Callable[[], ImageSource]) -> Work:
    """Return the training of one member; where its images lie is asked before each stretch."""
    step = make_step(settings, SHAPE[1], SHAPE[3])
    state = Loop(settings, step, images(), "cpu").init(stream(0, "init"))

    def train(steps: int) -> None:
        for begin in range(0, steps, BLOCK):
            loop = Loop(settings, step, images(), "cpu")
            loop.train([state], [{}], min(BLOCK, steps - begin), [partial(stream, begin, "train")])

    return train


def there(path: Path, settings: GanSettings) -> ImageSource:
    """Return the images of a file."""
    return ImagesWhereTheyLie(mapped(path, SHAPE), "cpu", dtype_of(settings))


def forgotten(path: Path, settings: GanSettings) -> ImageSource:
    """Return the images of a file of which nothing is in memory, unless another process maps it."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return there(path, settings)

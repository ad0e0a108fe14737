"""What is trained in the benchmarks: presets, on images that need not be at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from pbt_gan.config.objects import build_task, task_reference
from pbt_gan.config.source import read_config
from pbt_gan.core.rng import stream
from pbt_gan.gan import trainer
from pbt_gan.gan.scores import recipes
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.trainer import GanTrainer

IMAGES = 1_000
SCORER_STEPS = 10
"""A scorer costs the same however badly it was trained."""

POWERS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Case:
    """A preset, and what is changed in it."""

    preset: str
    cpu_members: tuple[int, ...]  # group sizes that a CPU is asked to train
    images: tuple[int, int, int] | None = None  # height, width, channels of random images; None: the preset's own
    changes: Mapping[str, Any] = field(default_factory=dict)


CASES: Mapping[str, Case] = {
    "digits": Case("digits", POWERS),
    "mnist": Case("mnist", POWERS[:3], (28, 28, 1)),
    "cifar10": Case("cifar10", POWERS[:2], (32, 32, 3)),
    "64×64": Case("cifar10", POWERS[:1], (64, 64, 3)),
    "seed-dcgan-64": Case("seed-dcgan", POWERS[:3], (32, 32, 3), {"width": 64}),
    "seed-dcgan": Case("seed-dcgan", POWERS[:2], (32, 32, 3)),
    "paper-wgan-gp-64": Case("paper-wgan-gp", POWERS[:1], (32, 32, 3), {"width": 64}),
    "paper-wgan-gp": Case("paper-wgan-gp", (), (32, 32, 3)),  # a step takes a CPU far too long
}


class Ready(NamedTuple):
    """A task and what trains it."""

    task: GanTask
    trainer: GanTrainer


def make_ready(name: str, dtype: str, device: str, folder: Path, *, scored: bool = False) -> Ready:
    """Return the task of a case, ready on a device.

    Args:
        name: of the case.
        dtype: of matrix products and convolutions; "tf32" is float32, multiplied as `limit.precision` says.
        device: "cpu" or "cuda".
        folder: takes its images and its scorers; may be used again.
        scored: whether its members will be scored; to make what scores them takes longer than all else.
    """
    task = unprepared(name, dtype, folder)
    if not scored:
        with patch.object(trainer, "Judge"):
            return Ready(task, task.attach(folder, device))
    with patch.object(recipes, "STEPS", SCORER_STEPS):
        task.prepare(folder / f"{name}-scorers")
    return Ready(task, task.attach(folder / f"{name}-scorers", device))


def unprepared(name: str, dtype: str, folder: Path) -> GanTask:
    """Return the task of a case, without scorers and on no device yet."""
    case = CASES[name]
    changes = {**case.changes, "dtype": "float32" if dtype == "tf32" else dtype}
    if case.images:
        path = folder / f"{name}.npz"
        images = stream(0, "images").integers(0, 256, (IMAGES, *case.images), dtype=np.uint8)
        np.savez(path, images=images, labels=np.arange(IMAGES) % 10)
        changes["data"] = str(path)
    task = build_task(task_reference(read_config(case.preset, [{"task": changes}])))
    assert isinstance(task, GanTask)
    return task

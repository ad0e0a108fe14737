from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.classes import Classes
from pbt_gan.gan.nets.net import ImageShape
from pbt_gan.gan.portable.discriminator import Discriminator
from pbt_gan.gan.portable.generator import Generator
from pbt_gan.gan.portable.recipe import Recipe, of_member
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import dtype_of, make_step
from pbt_gan.gan.training.sampler import Sampler, generating
from pbt_gan.gan.training.step import Step


@dataclass(frozen=True)
class Member:
    """A member as the task has it."""

    settings: GanSettings
    shape: ImageShape
    step: Step
    state: Any
    classes: Classes

    def generator(self) -> Generator:
        return Generator(self._recipe(), *of_member(self.step.generator, generating(self.state)))

    def discriminator(self) -> Discriminator:
        return Discriminator(self._recipe(), *of_member(self.step.discriminator, self.state["d"]))

    def _recipe(self) -> Recipe:
        return Recipe.of(self.settings, self.shape, self.classes)

    def sample(self, count: int, seed: int) -> NDArray[np.uint8]:
        running = self.settings.sampling_norm == "running"
        sampler = Sampler(self.step.generator, self.settings.z_size, self.classes, running=running, device="cpu")
        return sampler.show(self.state, count, stream(seed, "sample"))


Make = Callable[..., Member]


@pytest.fixture(scope="session")
def make() -> Make:
    """Make a member whose images are far from grey, and whose statistics are not those of the beginning."""

    def make(size: int = 8, channels: int = 1, names: tuple[str, ...] = (), **changed: Any) -> Member:
        settings = GanSettings(**{"width": 2, "z_size": 4, "batch_size": 4, "conditional": len(names) > 0, **changed})
        classes = Classes(counts=tuple(range(1, len(names) + 1)), names=names)
        step = make_step(settings, size, channels, classes=len(classes))
        rng = stream(0, "init")
        nets = step.generator, step.discriminator
        g, d = (10 * net.initial_params(rng).to(dtype_of(settings)) for net in nets)
        if names:  # at birth all classes are alike
            g += 0.5 * torch.from_numpy(rng.standard_normal(len(g))).to(g)
        state = step.initial_state(g, d, average=settings.ema)
        own = state["g"].get("average", state["g"])
        if "statistics" in own:
            own["statistics"] += torch.from_numpy(rng.uniform(0, 1, own["statistics"].shape)).to(g)
        return Member(settings, ImageShape(size, channels, len(classes)), step, state, classes)

    return make

"""A step where nothing is computed: on `meta` only shapes, places and operations can be followed."""

import numpy as np
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import Scalars
from pbt_gan.gan.training.draws import Destination, Needs, draw
from pbt_gan.gan.training.loop import make_step
from pbt_gan.gan.training.stacking import stacked
from tests.gan.training.ways import CLASSES

META = Destination(torch.float32, "meta", "meta")


def ready(settings, size, channels, counts):
    """Return a step on `meta` with a group's state and what the step takes; each count is a member's n_critic."""
    step = make_step(settings, size, channels, "meta", classes=CLASSES if settings.conditional else 0)
    images = ImagesInMemory(np.zeros((10, size, size, channels), np.uint8), "meta", torch.float32)
    g, d = (net.initial_params(stream(0)).to("meta") for net in (step.generator, step.discriminator))
    state = stacked([step.initial_state(g.clone(), d.clone(), average=True) for _ in counts])
    hyper = {scalar: torch.empty(len(counts), 1, dtype=torch.float64, device="meta") for scalar in Scalars.model_fields}
    needs = Needs(
        len(images),
        settings.batch_size,
        settings.z_size,
        step.game,
        (channels, size, size),
        step.generator.draws,
        step.discriminator.draws,
    )
    draws = draw(needs, 2, counts, [stream(0, member) for member in range(len(counts))], META)

    def batch_of(numbers):
        batch = {name: each[0] for name, each in numbers.items()}
        if "indices" in batch:
            batch["real"] = images.take(batch.pop("indices"))
        if settings.conditional:
            labels = torch.empty(*batch["z"].shape[:2], CLASSES, device="meta")
            batch |= {"real_labels": labels, "fake_labels": labels}
        return batch

    return step, state, hyper, [batch_of(each) for each in draws.critic], batch_of(draws.generator)

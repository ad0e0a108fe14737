from functools import partial

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, make_step

SETTINGS = {"width": 4, "z_size": 8, "augment": "colour,translation,cutout", "adaptive": True, "augment_kimg": 0.5}


@pytest.mark.slow
def test_a_discriminator_that_knows_its_few_images_is_shown_changed_ones_and_one_that_cannot_learn_is_not():
    settings = GanSettings.model_validate({**SETTINGS, "batch_size": 16, "lr_g": 1e-4})
    images = ImagesInMemory(np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), np.uint8), "cpu", torch.float32)
    loop = Loop(settings, make_step(settings, 8, 1), images, "cpu")
    members = range(2)
    sure, unsure = loop.train(
        [loop.init(stream(0, "init", member)) for member in members],
        [{"lr_d": 5e-3}, {"lr_d": 1e-6}],
        60,
        [partial(stream, 0, "train", member) for member in members],
    )
    chance, *_ = sure.state["game"]["memory"].tolist()
    assert chance == 1
    assert 0 < sure.metrics["augment_p"] < 1
    assert unsure.state["game"]["memory"][0] == 0
    assert unsure.metrics["augment_p"] == 0

import numpy as np
import pytest
import torch
from torch import nn

from pbt_gan.gan.nets.fastgan import RECONSTRUCTION, Discriminator, Generator
from pbt_gan.gan.nets.noise import windows
from pbt_gan.gan.shown import Shown
from tests.gan.nets import plain_fastgan as plain
from tests.gan.nets.groups import FORMULATIONS, buffers, filled, nets, one_hot, params

SIZES = [8, 16, 28, 32, 48, 64, 96, 128]


def bare(size, channels=2, classes=0, layers="members in channels", **settings):
    """Return the nets without spectral norm."""
    pair = nets("fastgan", size, channels, classes, layers, **{"width": 2, "z_size": 4, **settings})
    return pair.generator.net, pair.discriminator.net


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_at_256_pixels_the_nets_have_as_many_parameters_as_the_published_ones():
    generator, discriminator = nets("fastgan", 256, 3, width=64, z_size=256)
    widths = [1024, 512, 256, 128, 128, 64, 32]
    assert generator.layout.size == count(plain.Generator(256, 4, widths, 4, 3))
    looks = [16, 32, 64, 128, 256, 512], [32, 64, 128, 256]
    module = plain.Discriminator(4, *looks, [128, 64, 64, 32], 3, 1024, 3)
    assert discriminator.layout.size == count(module)


@pytest.mark.parametrize("layers", FORMULATIONS)
@pytest.mark.parametrize("size", [8, 16, 28])
def test_the_generator_equals_the_published_one_made_of_modules(layers, size):
    generator, _ = bare(size, layers=layers)
    views, z = generator.layout.views(params(generator, 2)), torch.randn(2, 3, 4, dtype=torch.float64)
    drawn = {name: torch.rand(2, 3, 2, dtype=torch.float64) for name in generator.draws}
    images, statistics = generator(views, {}, z, drawn=drawn, training=True)
    assert generator.buffers.flat(statistics).shape == (2, generator.buffers.size)
    doubled = len(generator.widths) - 1
    side = size >> doubled
    sides = [side << n for n in range(1, doubled + 1, 2) for _ in range(2)]
    noises = [windows(place, own) for place, own in zip(drawn.values(), sides, strict=True)]
    for member, own in enumerate(images):
        module = filled(plain.Generator(4, side, generator.widths, doubled, 2), views, member)
        torch.testing.assert_close(own, module(z[member], [noise[member] for noise in noises]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layers", FORMULATIONS)
@pytest.mark.parametrize("size", [8, 16, 28])
def test_the_discriminator_and_its_lesson_equal_the_published_ones_made_of_modules(layers, size):
    _, discriminator = bare(size, layers=layers)
    own = discriminator
    views = own.layout.views(params(own, 2))
    batches = [Shown(torch.randn(2, 3, 2, size, size, dtype=torch.float64)) for _ in range(2)]
    place = torch.tensor([[[0.1, 0.1], [0.1, 0.9], [0.9, 0.1]], [[0.9, 0.9], [0.4, 0.6], [0.6, 0.4]]]).double()
    answers = own.each(views, {}, batches, {"quarter": place}, training=True)
    assert list(answers.lessons) == [RECONSTRUCTION]
    halved = len(own.widths) - 1
    for n, (batch, logits) in enumerate(zip(batches, answers.logits, strict=True)):
        for member in range(2):
            side = {8: 4, 16: 4, 28: 7}[size]
            module = plain.Discriminator(side, own.widths, own.second_widths, own.drawing_widths, halved, 32, 2)
            upper, left = (place[member] < 0.5).unbind(-1)
            theirs, distance = filled(module, views, member)(batch.images[member], upper, left)
            torch.testing.assert_close(logits[member], theirs.flatten(), rtol=1e-9, atol=1e-12)
            if n == 0:
                torch.testing.assert_close(answers.lessons[RECONSTRUCTION][member], distance, rtol=1e-9, atol=1e-12)

from functools import partial

import numpy as np
import pytest
import torch

from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, make_step
from pbt_gan.gan.training.sampler import BATCH, Sampler, to_uint8

MEMBERS = 3
SMALL = {"width": 4, "z_size": 8, "batch_size": 8}


def make(*, running=True):
    """Return a sampler and members that have trained a little."""
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)
    settings = GanSettings.model_validate(SMALL)
    loop = Loop(settings, make_step(settings, 8, 1), ImagesInMemory(images, "cpu", torch.float32), "cpu")
    trained = loop.train(
        [loop.init(stream(0, "init", member)) for member in range(MEMBERS)],
        [{}] * MEMBERS,
        3,
        [partial(stream, 0, "train", member) for member in range(MEMBERS)],
    )
    states = [training.state for training in trained]
    return Sampler(loop.step.generator, settings.z_size, running=running, device="cpu"), states


@pytest.mark.parametrize("running", [True, False])
def test_the_first_images_do_not_depend_on_how_many_follow(running):
    sampler, (state, *_) = make(running=running)
    (few,), (many,) = (sampler.images([state], count, stream(0, "eval")) for count in (7, 2 * BATCH + 30))
    assert few.shape == (7, 8, 8, 1)
    assert many.shape == (230, 8, 8, 1)
    assert torch.equal(few, many[:7])


@pytest.mark.parametrize("running", [True, False])
def test_members_make_the_same_images_together_as_each_alone(running):
    sampler, states = make(running=running)
    together = sampler.images(states, 30, stream(0, "eval"))
    for state, images in zip(states, together, strict=True):
        assert torch.equal(images, sampler.images([state], 30, stream(0, "eval"))[0])


def test_images_come_from_the_average_where_there_is_one():
    sampler, (state, *_) = make()
    before = sampler.show(state, 10, stream(0, "eval"))
    state["g"]["params"] += 1.0
    assert np.array_equal(before, sampler.show(state, 10, stream(0, "eval")))
    state["g"]["average"]["params"] += 1.0
    assert not np.array_equal(before, sampler.show(state, 10, stream(0, "eval")))


def test_making_images_changes_no_state():
    sampler, (state, *_) = make()
    before = codec.encode(state)
    sampler.images([state], 10, stream(0, "eval"))
    sampler.show(state, 10, stream(0, "eval"))
    assert codec.encode(state) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", ["params", "average"])
def test_a_member_that_is_not_finite_makes_no_images_and_shows_grey_and_others_do_not_notice(value, place):
    sampler, states = make()
    before = sampler.images(states, 10, stream(0, "eval"))
    net = states[1]["g"] if place == "params" else states[1]["g"]["average"]
    net["params"][:] = value
    found = sampler.images(states, 10, stream(0, "eval"))
    assert found[1] is None
    assert torch.equal(found[0], before[0])
    assert torch.equal(found[2], before[2])
    if place == "average":
        assert set(sampler.show(states[1], 3, stream(0, "eval")).ravel()) == {128}
    assert sampler.images(states[1:2], 10, stream(0, "eval")) == [None]


def test_pixels_are_rounded_to_the_nearest_of_256_values():
    values = torch.tensor([-1.0, -0.999, 0.0, 0.5, 0.999, 1.0]).view(1, 1, 2, 3)
    assert to_uint8(values).flatten().tolist() == [0, 0, 128, 191, 255, 255]
    grey = torch.arange(256).view(1, 1, 16, 16) / 127.5 - 1
    assert to_uint8(grey).flatten().tolist() == list(range(256))

from functools import partial

import numpy as np
import pytest
import torch

from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.gan.data.classes import UNLABELLED, Classes
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, dtype_of, make_step
from pbt_gan.gan.training.sampler import BATCH, Sampler, fresh, in_batches, to_uint8

MEMBERS = 3
SMALL = {"width": 4, "z_size": 8, "batch_size": 8}


def make(*, running=True, classes=UNLABELLED):
    """Return a sampler and members that have trained a little."""
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)
    labels = classes.labels(100) if len(classes) else None
    settings = GanSettings.model_validate({**SMALL, "conditional": len(classes) > 0})
    step = make_step(settings, 8, 1, classes=len(classes))
    loop = Loop(settings, step, ImagesInMemory(images, "cpu", torch.float32), "cpu", labels, len(classes))
    trained = loop.train(
        [loop.init(stream(0, "init", member)) for member in range(MEMBERS)],
        [{}] * MEMBERS,
        3,
        [partial(stream, 0, "train", member) for member in range(MEMBERS)],
    )
    states = [training.state for training in trained]
    return Sampler(loop.step.generator, settings.z_size, classes, running=running, device="cpu"), states


THREE = Classes(counts=(1, 2, 1))


@pytest.mark.parametrize("classes", [UNLABELLED, THREE])
@pytest.mark.parametrize("running", [True, False])
def test_the_first_images_do_not_depend_on_how_many_follow(running, classes):
    sampler, (state, *_) = make(running=running, classes=classes)
    (few,), (many,) = (sampler.images([state], count, stream(0, "eval")) for count in (7, 2 * BATCH + 30))
    assert few.shape == (7, 8, 8, 1)
    assert many.shape == (230, 8, 8, 1)
    assert torch.equal(few, many[:7])


@pytest.mark.parametrize("classes", [UNLABELLED, THREE])
@pytest.mark.parametrize("running", [True, False])
def test_members_make_the_same_images_together_as_each_alone(running, classes):
    sampler, states = make(running=running, classes=classes)
    together = sampler.images(states, 30, stream(0, "eval"))
    for state, images in zip(states, together, strict=True):
        assert torch.equal(images, sampler.images([state], 30, stream(0, "eval"))[0])


def test_where_nobody_asks_every_member_shows_the_classes_as_often_as_the_data_does():
    sampler, states = make(classes=THREE)
    batches = fresh(30, 8, stream(0, "eval"))
    labels = in_batches(THREE.labels(100))
    for state in states:  # after a few steps classes are still alike
        weights = state["g"]["average"]["params"]
        weights += torch.from_numpy(stream(0, "other").standard_normal(len(weights), np.float32))
    for state, images in zip(states, sampler.images(states, 30, stream(0, "eval")), strict=True):
        assert np.array_equal(sampler.draw(state, batches, labels)[:30], images)
        assert not np.array_equal(sampler.draw(state, batches, np.roll(labels, 1))[:30], images)


@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, 3 * BATCH])
def test_batches_hold_all_rows_in_their_order_and_are_filled_up(count):
    rows = np.arange(2 * count).reshape(count, 2)
    batches = in_batches(rows)
    assert batches.shape == (-(-count // BATCH), BATCH, 2)
    assert np.array_equal(batches.reshape(-1, 2)[:count], rows)
    assert np.isin(batches.reshape(-1, 2)[count:, 0], rows[:, 0]).all()


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


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_many_batches_together_make_the_images_of_each_alone(net, running, dtype, monkeypatch):
    """As on a GPU; in float64, where what is summed in another order is the same number in 8 bits."""
    settings = GanSettings.model_validate(
        {"net": net, "width": 2, "z_size": 4, "batch_size": 4, "dtype": dtype, "conditional": True}
    )
    step = make_step(settings, 32, 3, "cuda", classes=3)
    monkeypatch.setattr(MembersInChannels, "exact", True)
    states = []
    for member in range(2):
        drawn = (
            net.initial_params(stream(0, member)).to(dtype_of(settings)) for net in (step.generator, step.discriminator)
        )
        states.append(step.initial_state(*(10 * params for params in drawn), average=True))
    sampler = Sampler(step.generator, 4, THREE, running=running, device="cpu")
    monkeypatch.setattr("pbt_gan.gan.training.sampler.BATCH", 5)
    found = []
    for together in (1, 3):
        monkeypatch.setattr(Sampler, "_at_a_time", lambda sampler, batch, together=together: together)
        found.append(sampler.images(states, 33, stream(0, "eval")))
    for one, several in zip(*found, strict=True):
        assert one.float().std() > 1
        assert (one.float() - several.float()).abs().mean() <= (0 if dtype == "float64" else 8)

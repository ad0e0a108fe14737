"""The comparison is of the same nets: with the same weights, plain modules give what ours give."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.plain import Member, load
from pbt_gan.gan.task import GanTask
from pbt_gan.gan.training.loop import make_step

pytestmark = pytest.mark.slow

SEED_DCGAN: dict[str, Any] = {"kernel": 5, "full_size_layer": False, "bias_before_norm": True, "init": "uniform"}
NETS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "digits": (8, 1, {}),
    "28x28": (28, 1, {"width": 2}),
    "cifar10": (32, 3, {"width": 2}),
    "seed-dcgan": (32, 3, {"width": 2, "ema": False, "discriminator_loss_scale": 0.5, **SEED_DCGAN}),
    "paper-wgan-gp": (32, 3, {"width": 2, "loss": "wgan-gp", "discriminator_norm": "none", "n_critic": 2}),
}


@pytest.fixture(params=NETS)
def pair(request):
    """Return settings, images, our step and a plain member with the same weights."""
    size, channels, arguments = NETS[request.param]
    settings = GanTask(dtype="float64", batch_size=6, z_size=5, **arguments).settings
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (20, channels, size, size), np.uint8))
    member = Member(settings, images, rng)
    step = make_step(settings, size, channels)
    g, d = (net.initial_params(rng).double() for net in (step.generator, step.discriminator))
    load(member.generator, step.generator.layout, g)
    load(member.discriminator, step.discriminator.layout, d)
    return settings, images.double() / 127.5 - 1, step, {"params": g[None]}, {"params": d[None]}, member


@pytest.mark.slow
def test_there_are_as_many_parameters(pair):
    _, _, step, _, _, member = pair
    for module, net in ((member.generator, step.generator), (member.discriminator, step.discriminator)):
        assert sum(parameter.numel() for parameter in module.parameters()) == net.layout.size


def test_images_and_logits_are_equal(pair):
    settings, images, step, g, d, member = pair  # ours as a group of one
    z = torch.randn(6, settings.z_size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours, _ = step.generator(step.generator.layout.views(g["params"]), {}, z[None], training=True)
    torch.testing.assert_close(member.generator(z), ours[0])
    ours, _ = step.discriminator(step.discriminator.layout.views(d["params"]), {}, images[None], training=True)
    torch.testing.assert_close(member.discriminator(images), ours[0])


def test_gradients_are_equal(pair):
    settings, images, step, g, d, member = pair
    random = torch.Generator().manual_seed(0)
    z = torch.randn(6, settings.z_size, dtype=torch.float64, generator=random)
    mix = torch.rand(6, dtype=torch.float64, generator=random)
    hyper = {name: torch.tensor([[value]], dtype=torch.float64) for name, value in settings.scalars().items()}
    batch = {"real": images[None, :6], "z": z[None], "mix": mix[None]}
    ours = step.discriminator_gradients(d, g, hyper, batch).gradients
    plain = torch.autograd.grad(member.discriminator_loss(images[:6], z, mix), list(member.discriminator.parameters()))
    torch.testing.assert_close(torch.cat([part.flatten() for part in plain]), ours[0])
    ours = step.generator_gradients(g, d, hyper, batch).gradients
    plain = torch.autograd.grad(member.generator_loss(z), list(member.generator.parameters()))
    torch.testing.assert_close(torch.cat([part.flatten() for part in plain]), ours[0])


def test_the_average_follows_the_generator():
    settings = GanTask(batch_size=4, z_size=3, ema_half_life_kimg=0.004).settings
    member = Member(settings, torch.zeros(10, 1, 8, 8, dtype=torch.uint8), np.random.default_rng(0))
    before = [parameter.clone() for parameter in member.generator.parameters()]
    member.train(1)
    for average, old, new in zip(member.average.parameters(), before, member.generator.parameters(), strict=True):
        torch.testing.assert_close(average, (old + new) / 2)


def test_a_member_goes_on_from_its_state():
    settings = GanTask(batch_size=4, z_size=3).settings
    images = torch.zeros(10, 1, 8, 8, dtype=torch.uint8)
    member, other = (Member(settings, images, np.random.default_rng(seed)) for seed in (0, 1))
    member.train(2)
    other.load_state_dict(copy.deepcopy(member.state_dict()))  # a file would be a copy too
    for one in (member, other):
        torch.manual_seed(0)
        one.train(2)
    samples = [one.sample(150, np.random.default_rng(0)) for one in (member, other)]
    assert samples[0].shape == (150, 8, 8, 1)
    assert torch.equal(*samples)


def test_a_twin_trains_by_itself():
    settings = GanTask(width=4, z_size=4, batch_size=4).settings
    member = Member(settings, torch.zeros(10, 1, 8, 8, dtype=torch.uint8), np.random.default_rng(0))
    twin = member.twin()
    before = [parameter.clone() for parameter in member.generator.parameters()]
    twin.train(1)
    assert all(torch.equal(*pair) for pair in zip(member.generator.parameters(), before, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(twin.generator.parameters(), before, strict=True))

"""Batch after batch through all blocks, and layer by layer: the same numbers, gradients and second gradients."""

import numpy as np
import pytest
import torch

from pbt_gan.gan.nets import passage
from pbt_gan.gan.nets.blocks import one_after_another
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import make_step

BATCH = 3
SETTINGS = {
    "norms": {},
    "biases everywhere": {"bias_before_norm": True},
    "no norm": {"discriminator_norm": "none", "full_size_layer": False},
    "kernels of 4": {"kernel": 4},
}


def pair(members, dtype, **settings):
    """Return nets with a group's parameters, flat."""
    step = make_step(GanSettings.model_validate({"width": 2, "z_size": 4, "dtype": dtype, **settings}), 8, 1)
    drawn = []
    for net in (step.generator, step.discriminator):
        rng = np.random.default_rng(0)
        rows = torch.stack([net.initial_params(rng) for _ in range(members)])
        drawn.append((rows + 0.1 * torch.from_numpy(rng.standard_normal(rows.shape))).to(getattr(torch, dtype)))
    return step, *drawn


@pytest.fixture
def layerwise(monkeypatch):
    """Return what makes chains impossible from then on."""

    def through(norms, blocks, x, *, statistics=True):
        return one_after_another(norms.layers, blocks, norms.params, x, norms)

    return lambda: monkeypatch.setattr("pbt_gan.gan.nets.dcgan.through", through)


def made(net, flat, x):
    """Return what a net makes, its statistics, the gradients at parameters and input, and theirs of their squares."""
    flat, x = flat.clone().requires_grad_(), x.clone().requires_grad_()
    y, statistics = net(net.layout.views(flat), {}, x, training=True)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)
    first = torch.autograd.grad((y * weights).sum(), (flat, x), retain_graph=True)
    slopes = torch.autograd.grad((y * weights).sum(), (flat, x), create_graph=True)
    second = torch.autograd.grad(slopes[0].square().sum() + slopes[1].square().sum(), (flat, x))
    return [y.detach(), *statistics.values(), *first, *second]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_chain_makes_what_its_layers_make_and_differentiates_like_them(settings, layerwise):
    step, g, d = pair(2, "float64", **settings)
    latents = torch.randn(2, BATCH, 4, dtype=torch.float64)
    images = torch.randn(2, BATCH, 1, 8, 8, dtype=torch.float64)
    nets = [(step.generator, g, latents), (step.discriminator, d, images)]
    chains = [made(*each) for each in nets]
    layerwise()
    for chain, each in zip(chains, nets, strict=True):
        torch.testing.assert_close(chain, made(*each), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_gradients_of_a_member_do_not_depend_on_its_group_to_the_bit(dtype):
    step, _, flat = pair(3, dtype)
    flat, images = flat.float(), torch.randn(3, BATCH, 1, 8, 8)

    def slopes(rows):
        own, x = flat[rows].clone().requires_grad_(), images[rows].clone().requires_grad_()
        logits, _ = step.discriminator(step.discriminator.layout.views(own), {}, x, training=True)
        return torch.autograd.grad(logits.sum(), (own, x))

    for member in range(3):
        rows = slice(member, member + 1)
        for one, each in zip(slopes(rows), slopes(slice(None)), strict=True):
            assert torch.equal(one, each[rows])


def test_where_torch_func_transforms_there_is_no_chain(monkeypatch):
    step, g, _ = pair(2, "float64")
    monkeypatch.setattr(passage, "Chain", None)

    def images(flat, z):
        return step.generator(step.generator.layout.views(flat[None]), {}, z[None], training=True)[0]

    latents = torch.randn(2, BATCH, 4, dtype=torch.float64)
    assert torch.func.vmap(images)(g, latents).shape == (2, 1, BATCH, 1, 8, 8)

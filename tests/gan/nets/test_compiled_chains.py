"""Our own kernels: what they make and its gradients are those of layer by layer in float64, whoever is in the group."""

import numpy as np
import pytest
import torch

from pbt_gan.gan.nets import compiled_chains
from pbt_gan.gan.nets.compiler import library
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import make_step

pytestmark = pytest.mark.skipif(library() is None, reason="there is no C compiler")

SETTINGS = {
    "norms": {},
    "widths that fill no vector": {"width": 5},
    "biases everywhere": {"bias_before_norm": True},
    "no norm": {"discriminator_norm": "none", "full_size_layer": False},
    "kernels of 4": {"kernel": 4},
    "kernels of 5": {"kernel": 5},
    "wide": {"width": 17},
}


def pair(members, dtype, size=8, **settings):
    """Return a step in a dtype, and the parameters of its nets for a group."""
    step = make_step(GanSettings.model_validate({"width": 8, "z_size": 6, "dtype": dtype, **settings}), size, 3)
    drawn = []
    for net in (step.generator, step.discriminator):
        rng = np.random.default_rng(0)
        rows = torch.stack([net.initial_params(rng) for _ in range(members)]).double()
        rows += 0.1 * torch.from_numpy(rng.standard_normal(rows.shape))
        drawn.append(rows.float().to(getattr(torch, dtype)))
    return step, *drawn


def made(net, flat, *batches):
    """Return what a net makes of batches, and the gradients at parameters and inputs."""
    flat, *given = (each.clone().requires_grad_() for each in (flat, *batches))
    params = net.layout.views(flat)
    if len(given) > 1:
        entered = torch.cat([images.permute(0, 2, 3, 4, 1) for images in given])
        y = net.logits(params, entered, None)
        statistics = {}
    else:
        y, statistics = net(params, {}, given[0], training=True)
    towards = torch.linspace(-1, 2, y.shape[-1], dtype=torch.float64).to(y.dtype)
    gradients = torch.autograd.grad((y * towards).sum(), (flat, *given))
    return {"y": y.detach(), **statistics}, gradients


def close(one, other):
    """Assert that numbers are alike to what float32 can tell, beside the largest of them."""
    for a, b in zip(one, other, strict=True):
        assert a.dtype == torch.float32
        assert (a - b).abs().max() <= 3e-5 * b.abs().max() + 1e-6


@pytest.fixture
def used(monkeypatch):
    """Return the names of the functions of the library that are called."""
    called, call = [], compiled_chains._call

    def noted(name, *rest):
        called.append(name)
        call(name, *rest)

    monkeypatch.setattr(compiled_chains, "_call", noted)
    return called


@pytest.mark.parametrize(("settings", "batch"), [*((each, 48) for each in SETTINGS), ("norms", 16), ("norms", 80)])
def test_kernels_make_what_layers_make_in_float64(settings, batch, used):
    rng = np.random.default_rng(1)
    settings = SETTINGS[settings]
    latents = torch.from_numpy(rng.standard_normal((2, batch, 6), np.float32))
    images = [torch.from_numpy(rng.standard_normal((2, batch, 3, 8, 8), np.float32)) for _ in range(2)]
    found = {}
    for dtype in ("float32", "float64"):
        step, g, d = pair(2, dtype, **settings)
        cast = getattr(torch, dtype)
        found[dtype] = [
            made(step.generator, g, latents.to(cast)),
            made(step.discriminator, d, *(each.to(cast) for each in images)),
        ]
    assert used == 2 * ["chain_forward", "chain_backward"]
    for (values, gradients), (exact, slopes) in zip(found["float32"], found["float64"], strict=True):
        close(values.values(), exact.values())
        close(gradients, slopes)


@pytest.mark.parametrize("size", [16, 28])
def test_of_other_sizes_too(size):
    images = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 16, 3, size, size), np.float32))
    (one, first), (other, second) = (
        made(step.discriminator, d, images.to(d.dtype))
        for step, _, d in (pair(1, t, size) for t in ("float32", "float64"))
    )
    close(one.values(), other.values())
    close(first, second)


def test_the_bits_of_a_member_do_not_depend_on_its_group():
    step, g, d = pair(3, "float32")
    rng = np.random.default_rng(1)
    latents = torch.from_numpy(rng.standard_normal((3, 32, 6), np.float32))
    images = torch.from_numpy(rng.standard_normal((2, 3, 32, 3, 8, 8), np.float32))
    all_ = [*made(step.generator, g, latents), *made(step.discriminator, d, *images)]
    for member in range(3):
        row = slice(member, member + 1)
        alone = [*made(step.generator, g[row], latents[row]), *made(step.discriminator, d[row], *images[:, row])]
        for one, group in zip(alone, all_, strict=True):
            pairs = zip(*(each.values() if isinstance(each, dict) else each for each in (one, group)), strict=True)
            for own, many in pairs:
                axis = next(n for n, length in enumerate(many.shape) if length == 3 and own.shape[n] == 1)
                assert torch.equal(own, many.narrow(axis, member, 1))


def test_a_gradient_of_a_gradient_is_that_of_the_layers():
    images = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 16, 3, 8, 8), np.float32))
    found = []
    for dtype in ("float32", "float64"):
        step, _, d = pair(2, dtype, discriminator_norm="none")
        flat, x = d.clone().requires_grad_(), images.to(d.dtype).requires_grad_()
        logits, _ = step.discriminator(step.discriminator.layout.views(flat), {}, x, training=True)
        (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), flat))
    close(*found)


def test_a_way_back_may_be_taken_twice():
    step, _, d = pair(1, "float32")
    images = torch.randn(1, 16, 3, 8, 8)
    flat = d.clone().requires_grad_()
    logits, _ = step.discriminator(step.discriminator.layout.views(flat), {}, images, training=True)
    one, other = (torch.autograd.grad(logits.sum(), flat, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(one, other)


def test_what_diverges_stays_with_its_member():
    step, _, d = pair(2, "float32")
    images = torch.randn(2, 16, 3, 8, 8)
    images[0, 0, 0, 0, 0] = torch.nan
    values, (gradients, _) = made(step.discriminator, d, images)
    for each in (values["y"], gradients):
        assert each[0].isnan().any()
        assert each[1].isfinite().all()


@pytest.mark.parametrize("batch", [15, 20])
def test_batches_that_fill_no_vector_go_another_way(batch, used):
    step, _, d = pair(1, "float32")
    made(step.discriminator, d, torch.randn(1, batch, 3, 8, 8))
    assert not used

"""Spectral norm against torch's own, and against singular values."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from pbt_gan.core.rng import stream
from pbt_gan.gan.nets.layout import Layout
from pbt_gan.gan.nets.net import Net
from pbt_gan.gan.nets.spectral import SpectralNorm
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.shown import Shown
from pbt_gan.gan.training.loop import make_step
from pbt_gan.gan.training.stacking import stacked, unstacked
from pbt_gan.gan.training.used import Used
from tests.gan.nets import groups, plain

SMALL: dict[str, Any] = {"discriminator_norm": "spectral", "width": 2, "z_size": 4, "batch_size": 4}


class Product(Net):
    """Images times a matrix; its logit is the first number that comes out."""

    exact = True

    @property
    def layout(self):
        return Layout({"weight": (3, 4), "bias": (3,)})

    def initial_params(self, rng):
        return torch.from_numpy(rng.standard_normal(15, np.float32))

    def __call__(self, params, buffers, x, labels=None, drawn=None, *, training):
        return (x.flatten(2) @ params["weight"].mT + params["bias"][:, None]).sum(2), buffers


def pieces(net, members=2):
    params = torch.stack([net.initial_params(stream(0, member)).double() for member in range(members)])
    buffers = net.initial_buffers().double().repeat(members, 1)
    return net.layout.views(params), net.buffers.views(buffers)


def test_after_some_calls_the_largest_singular_value_is_1_and_nothing_else_has_changed():
    net = SpectralNorm(Product())
    params, buffers = pieces(net)
    images = torch.eye(4, dtype=torch.float64).view(1, 4, 1, 2, 2).expand(2, -1, -1, -1, -1)
    for _ in range(200):
        _, buffers = net(params, buffers, images, training=True)
    logits, kept = net(params, buffers, images, training=False)
    assert kept is buffers
    largest = torch.linalg.matrix_norm(params["weight"], 2)
    expected = (params["weight"] / largest[:, None, None]).sum(1) + params["bias"].sum(1, keepdim=True)
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-12)


def test_where_iterations_have_settled_values_slopes_and_vectors_are_those_of_torchs_own():
    net = SpectralNorm(Product())
    params, buffers = pieces(net, members=1)
    weight = params["weight"].clone().requires_grad_()
    linear = nn.Linear(4, 3).double()
    with torch.no_grad():
        linear.weight.copy_(weight[0])
        linear.bias.copy_(params["bias"][0])
    spectral_norm(linear)
    theirs: Any = linear.get_submodule("parametrizations.weight")
    images = torch.randn(1, 6, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    # Theirs takes the half of a step more before it divides: they agree in the limit.
    for _ in range(200):
        expected = linear(images[0].flatten(1)).sum(1)
        logits, buffers = net({**params, "weight": weight}, buffers, images, training=True)
    torch.testing.assert_close(logits[0], expected, rtol=1e-10, atol=1e-12)
    (ours,) = torch.autograd.grad(logits.square().sum(), weight)
    (own,) = torch.autograd.grad(expected.square().sum(), theirs.original)
    torch.testing.assert_close(ours[0], own, rtol=1e-10, atol=1e-12)
    vector = buffers["u.weight"][0]
    torch.testing.assert_close(vector * torch.sign(vector @ theirs[0]._u), theirs[0]._u, rtol=1e-8, atol=1e-10)


def test_rows_say_how_a_weight_is_laid_out_as_a_matrix():
    net = SpectralNorm(Product(), {"weight": 6})
    assert net.buffers.shapes == {"u.weight": (6,)}


def test_an_update_of_the_discriminator_takes_one_step_whatever_is_shown():
    settings = GanSettings.model_validate({**SMALL, "dtype": "float64"})
    step = make_step(settings, 8, 1)
    net = step.discriminator
    params, buffers = pieces(net)
    images = torch.randn(2, 4, 1, 8, 8, dtype=torch.float64)
    said = net.each(params, buffers, [Shown(images), Shown(-images)], training=True)
    alone = net.each(params, buffers, [Shown(images)], training=True)
    for name, vector in said.buffers.items():
        assert torch.equal(vector, alone.buffers[name])
        assert not torch.equal(vector, buffers[name])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_with_small_images_the_bits_of_a_member_do_not_depend_on_its_group(dtype):
    settings = GanSettings.model_validate({**SMALL, "loss": "hinge", "batch_size": 7, "dtype": dtype})
    step = make_step(settings, 8, 1)

    def updated(members):
        states = [
            step.initial_state(*(net.initial_params(stream(0, name, m)) for name, net in nets), average=False)
            for m in members
        ]
        group = stacked(states)
        batch = {
            "z": torch.stack([torch.randn(7, 4, generator=torch.Generator().manual_seed(m)) for m in members]),
            "real": torch.stack([torch.rand(7, 1, 8, 8, generator=torch.Generator().manual_seed(m)) for m in members]),
        }
        hyper = {name: torch.full((len(states), 1), 0.01, dtype=torch.float64) for name in ("lr_d", "beta1", "beta2")}
        for _ in range(3):
            d, g = ({part: group[side][part] for part in ("params", "statistics")} for side in ("d", "g"))
            found = step.discriminator_gradients(d, g, hyper, batch)
            step.update_discriminator(group["d"], hyper, found, Used())
        return [member["d"] for member in unstacked(group)]

    nets = (("g", step.generator), ("d", step.discriminator))
    together = updated(range(4))
    for member in range(4):
        (alone,) = updated([member])
        assert torch.equal(alone["params"], together[member]["params"])
        assert torch.equal(alone["statistics"], together[member]["statistics"])


def test_with_the_singular_vectors_logits_and_slopes_of_a_whole_net_are_those_of_exactly_divided_weights():
    labels = torch.tensor([[0, 1, 1, 2, 0], [2, 2, 2, 0, 2]])
    _, net = groups.nets("sngan-cnn", 32, classes=3, width=2)
    flat = groups.params(net, 2)
    weights = {name: view.flatten(2) for name, view in net.layout.views(flat).items() if name.endswith("weight")}
    assert "embed.weight" in weights
    vectors = {f"u.{name}": torch.linalg.svd(weight).U[..., 0] for name, weight in weights.items()}
    flat.requires_grad_()
    views = net.layout.views(flat)
    images = torch.randn(2, 5, 1, 32, 32, dtype=torch.float64)
    logits, latest = net(views, vectors, images, groups.one_hot(labels, 3), training=True)
    factors = torch.randn_like(logits)
    (found,) = torch.autograd.grad((logits * factors).sum(), flat)
    for member in range(2):
        module = groups.filled(plain.CnnDiscriminator(4, 2, 1, 3), views, member)
        own = list(module.parameters())  # in the order of the net's; divided, weights come after biases
        expected = plain.spectral(module)(images[member], labels[member])
        torch.testing.assert_close(logits[member], expected, rtol=1e-9, atol=1e-12)
        slopes = torch.autograd.grad((expected * factors[member]).sum(), own)
        for one, other in zip(net.layout.views(found).values(), slopes, strict=True):
            torch.testing.assert_close(one[member], other, rtol=1e-8, atol=1e-10)
    for name, vector in latest.items():
        cosines = (vector * vectors[name]).sum(1).abs()
        torch.testing.assert_close(cosines, torch.ones_like(cosines))

"""A group of members against its members alone, stacked by vmap, and in the other formulation."""

from functools import cache
from typing import Any

import pytest
import torch

from pbt_gan.gan.shown import Shown
from tests.gan.nets.groups import FORMULATIONS, buffers, nets, one_hot, params

MEMBERS, BATCH, CLASSES = 3, 4, 3

NETS: dict[str, dict[str, Any]] = {
    "dcgan": {"kernel": 4, "full_size_layer": True, "discriminator_norm": "spectral"},
    "sngan-cnn": {},
    "resnet": {},
    "wgan-gp": {"discriminator_norm": "none"},
    "fastgan": {},
    "r3gan": {},
}


def pair(name, layers, classes, dtype=torch.float64):
    architecture = "resnet" if name == "wgan-gp" else name
    return nets(architecture, 8, 2, classes, layers, dtype, width=3, z_size=5, **NETS[name])


@cache
def numbers(dtype=torch.float64):
    """Return latents, two batches of images and of labels, and weights for whatever comes out."""
    random = torch.Generator().manual_seed(0)
    z = torch.randn(MEMBERS, BATCH, 5, generator=random, dtype=dtype)
    images = torch.randn(MEMBERS, 2, BATCH, 2, 8, 8, generator=random, dtype=dtype)
    labels = one_hot(torch.randint(CLASSES, (MEMBERS, 2, BATCH), generator=random), CLASSES, dtype)
    return z, images, labels, torch.randn(MEMBERS, BATCH, 2, 8, 8, generator=random, dtype=dtype)


def made(net, classes, flat, z, labels, weights):
    """Return the images of generators, their statistics, and a number to differentiate."""
    kept = buffers(net, len(flat), flat.dtype)
    images, used = net(net.layout.views(flat), kept, z, labels[:, 0] if classes else None, training=True)
    return (images * weights).sum(), (images, *used.values())


def judged(net, classes, flat, images, labels, weights):
    """Return logits of two batches, what is kept, and a number to differentiate, with slopes in it."""
    views, kept = net.layout.views(flat), buffers(net, len(flat), flat.dtype)
    told = [labels[:, n] if classes else None for n in range(2)]
    said = net.each(views, kept, [Shown(images[:, n], told[n]) for n in range(2)], training=True)

    def logits(shown):
        return net.each(views, kept, [Shown(shown, told[0])], training=True).logits[0].sum()

    slopes = torch.func.grad(logits)(images[:, 0])
    total = (said.logits[0] - 2 * said.logits[1]).square().sum() + (slopes.square() * weights).sum()
    return total, (*said.logits, slopes, *said.buffers.values())


def ways(name, layers, classes, dtype=torch.float64):
    """Return both nets, each with the function that they are tested by, and what it takes beside parameters."""
    generator, discriminator = pair(name, layers, classes, dtype)
    z, images, labels, weights = numbers(dtype)
    return [(generator, made, (z, labels, weights)), (discriminator, judged, (images, labels, weights))]


def outcome(net, function, classes, flat, given):
    """Return the gradient of each member, and what else came out."""
    gradient, others = torch.func.grad(lambda flat: function(net, classes, flat, *given), has_aux=True)(flat)
    return [gradient, *others]


@pytest.mark.slow
@pytest.mark.parametrize("classes", [0, CLASSES])
@pytest.mark.parametrize("layers", FORMULATIONS)
@pytest.mark.parametrize("name", NETS)
def test_in_float64_a_group_equals_its_members_alone_and_stacked_by_vmap(name, layers, classes):
    for net, function, given in ways(name, layers, classes):
        flat = params(net, MEMBERS)
        group = outcome(net, function, classes, flat, given)

        def of_one(flat, *given, net=net, function=function):
            alone = outcome(net, function, classes, flat[None], [part[None] for part in given])
            return [part.squeeze(0) for part in alone]

        by_vmap = torch.func.vmap(of_one)(flat, *given)
        alone = zip(*(of_one(flat[p], *(part[p] for part in given)) for p in range(MEMBERS)), strict=True)
        for one, mapped, several in zip(group, by_vmap, alone, strict=True):
            torch.testing.assert_close(one, mapped, rtol=1e-10, atol=1e-12 * one.abs().max().item())
            torch.testing.assert_close(one, torch.stack(several), rtol=1e-10, atol=1e-12 * one.abs().max().item())


@pytest.mark.slow
@pytest.mark.parametrize("classes", [0, CLASSES])
@pytest.mark.parametrize("name", NETS)
def test_both_formulations_of_the_layers_give_the_same(name, classes):
    for one, other in zip(*(ways(name, layers, classes) for layers in FORMULATIONS), strict=True):
        outcomes = [
            outcome(net, function, classes, params(net, MEMBERS), given) for net, function, given in (one, other)
        ]
        for part, same in zip(*outcomes, strict=True):
            torch.testing.assert_close(part, same, rtol=1e-9, atol=1e-12 * part.abs().max().item())


@pytest.mark.slow
@pytest.mark.parametrize("classes", [0, CLASSES])
@pytest.mark.parametrize("name", NETS)
def test_with_small_images_the_bits_of_a_member_do_not_depend_on_the_size_of_its_group(name, classes):
    for net, function, given in ways(name, "batch last", classes, torch.float32):
        flat = params(net, MEMBERS, torch.float32)
        group = outcome(net, function, classes, flat, given)
        for p in range(MEMBERS):
            own = slice(p, p + 1)
            alone = outcome(net, function, classes, flat[own], [part[own] for part in given])
            for one, other in zip(group, alone, strict=True):
                assert torch.equal(one[own], other)

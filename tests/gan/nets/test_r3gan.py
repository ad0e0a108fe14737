import math

import numpy as np
import pytest
import torch

from pbt_gan.gan.nets.r3gan import stage_widths
from pbt_gan.gan.shown import Shown
from tests.gan.nets import plain_r3gan as plain
from tests.gan.nets.groups import FORMULATIONS, filled, nets, one_hot, params

SMALL = {"width": 8, "z_size": 4}


def test_at_256_pixels_the_nets_have_as_many_parameters_as_the_paper_says():
    counts = [net.layout.size for net in nets("r3gan", 256, 3, width=768, z_size=64)]
    assert [round(count / 1e6, 3) for count in counts] == [23.058, 23.010]  # table 2, the last row


def test_at_32_pixels_they_have_as_many_as_the_published_ones_for_cifar_10():
    published = nets("r3gan", 32, 3, classes=10, width=768, z_size=64)
    stages = ([768] * 4, [96] * 4)
    modules = plain.Generator(64, 4, *stages, 3, 10), plain.Discriminator(4, *stages, 3, 10)
    counts = [sum(parameter.numel() for parameter in module.parameters()) for module in modules]
    assert [net.layout.size for net in published] == counts == [20_781_952, 21_280_512]
    assert math.floor(sum(counts) / 1e7) == 4  # section 4.5: 40 million in both


def test_stages_have_half_as_many_channels_with_each_doubling_from_64_pixels_on():
    assert stage_widths(256, 768) == [768, 768, 768, 768, 384, 192, 96]


CASES = [("batch last", 8, 8, 3), ("members in channels", 28, 2, 3), ("members in channels", 64, 12, 0)]
"""Formulation, pixels, width, classes; 12 channels have groups of 8."""


@pytest.mark.parametrize(("layers", "size", "width", "classes"), CASES)
def test_the_nets_equal_the_published_ones_made_of_modules(layers, size, width, classes):
    generator, discriminator = nets("r3gan", size, 2, classes, layers, width=width, z_size=4)
    widths = stage_widths(size, width)
    side, stages = size >> (len(widths) - 1), (widths, [2 * own // math.gcd(16, 2 * own) for own in widths])
    labels = one_hot(torch.tensor([[0, 2], [1, 1]]), 3) if classes else None

    views, z = generator.layout.views(params(generator, 2)), torch.randn(2, 2, 4, dtype=torch.float64)
    images, _ = generator(views, {}, z, labels, training=True)
    for member, own in enumerate(images):
        module = filled(plain.Generator(4, side, *stages, 2, classes), views, member)
        known = [] if labels is None else [labels[member]]
        torch.testing.assert_close(own, module(z[member], *known), rtol=1e-9, atol=1e-12)

    views = discriminator.layout.views(params(discriminator, 2))
    batches = [Shown(torch.randn(2, 2, 2, size, size, dtype=torch.float64), labels) for _ in range(2)]
    answers = discriminator.each(views, {}, batches, training=True)
    for batch, logits in zip(batches, answers.logits, strict=True):
        for member, own in enumerate(logits):
            finest_first = plain.Discriminator(side, stages[0][::-1], stages[1][::-1], 2, classes)
            module = filled(finest_first, views, member)
            known = [] if labels is None else [labels[member]]
            torch.testing.assert_close(own, module(batch.images[member], *known), rtol=1e-9, atol=1e-12)


def test_at_first_every_block_hands_on_what_it_is_given():
    generator, _ = nets("r3gan", 32, **SMALL)
    views = generator.layout.views(generator.initial_params(np.random.default_rng(0))[None].double())
    last = {name: view for name, view in views.items() if name.endswith("narrow.weight")}
    assert len(last) == 2 * 4
    assert not any(view.any() for view in last.values())
    within = [views[f"stage1.block0.{name}.weight"] for name in ("widen", "group")]
    gain = math.sqrt(2 / 1.04) * 8**-0.25
    for view in within:
        assert view.std().item() == pytest.approx(gain / math.sqrt(view[0, 0].numel()), rel=0.15)


@pytest.mark.parametrize("layers", FORMULATIONS)
def test_a_group_is_its_members_also_where_vmap_stacks_them(layers):
    generator, discriminator = nets("r3gan", 8, 1, 3, layers, **SMALL)
    g, d, z = params(generator, 2), params(discriminator, 2), torch.randn(2, 3, 4, dtype=torch.float64)
    labels = one_hot(torch.tensor([[0, 2, 1], [1, 1, 0]]), 3)

    def logits(g, d, z, labels):
        images, _ = generator(generator.layout.views(g), {}, z, labels, training=True)
        shown = [Shown(images, labels), Shown(-images, labels)]
        return torch.stack(tuple(discriminator.each(discriminator.layout.views(d), {}, shown, training=True).logits))

    together = logits(g, d, z, labels)
    parts = [part[:, None] for part in (g, d, z, labels)]
    stacked = torch.func.vmap(logits)(*parts)
    for member in range(2):
        alone = logits(*(part[member] for part in parts))
        torch.testing.assert_close(together[:, member], alone[:, 0])
        torch.testing.assert_close(stacked[member], alone)


@pytest.mark.parametrize("layers", FORMULATIONS)
def test_slopes_at_images_have_slopes_themselves(layers):
    _, discriminator = nets("r3gan", 8, layers=layers, **SMALL)
    flat, images = params(discriminator, 1).requires_grad_(), torch.randn(1, 2, 1, 8, 8, dtype=torch.float64)

    def slope(net, images):
        images = images.requires_grad_()
        (gradient,) = torch.autograd.grad(net(images).sum(), images, create_graph=True)
        return gradient.square().sum()

    ours = slope(lambda images: discriminator(discriminator.layout.views(flat), {}, images, training=True)[0], images)
    own = discriminator.layout.views(flat.detach())
    module = filled(plain.Discriminator(4, [8, 8], [1, 1], 1, 0), own, 0)
    theirs = slope(module, images[0].detach())
    torch.testing.assert_close(ours, theirs)
    gradients = torch.autograd.grad(theirs, list(module.parameters()))
    wanted = discriminator.layout.flat(dict(zip(own, gradients, strict=True)))
    torch.testing.assert_close(torch.autograd.grad(ours, flat)[0][0], wanted)


def test_images_that_are_looked_at_are_held_within_bounds_and_those_of_training_are_not():
    generator, _ = nets("r3gan", 8, **SMALL)
    views = generator.layout.views(10 * params(generator, 1))
    z = torch.randn(1, 5, 4, dtype=torch.float64)
    made, looked_at = (generator(views, {}, z, training=training)[0] for training in (True, False))
    assert made.abs().max() > 1
    assert torch.equal(looked_at, made.clamp(-1, 1))


@pytest.mark.parametrize("size", [8, 16, 28, 32, 48, 64, 96, 128])
def test_images_of_every_size_come_out_of_g_and_go_into_d(size):
    generator, discriminator = nets("r3gan", size, width=1, z_size=4)
    g, d = (net.layout.views(params(net, 2)) for net in (generator, discriminator))
    images, _ = generator(g, {}, torch.randn(2, 3, 4).double(), training=True)
    assert images.shape == (2, 3, 1, size, size)
    logits, _ = discriminator(d, {}, images, training=True)
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()

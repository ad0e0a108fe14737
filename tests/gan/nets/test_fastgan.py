import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_map

from pbt_gan.gan.nets.fastgan import RECONSTRUCTION
from pbt_gan.gan.nets.noise import windows
from pbt_gan.gan.shown import Shown
from tests.gan.nets import plain_fastgan as plain
from tests.gan.nets.groups import FORMULATIONS, buffers, filled, nets, one_hot, params


def bare(size, channels=2, classes=0, layers="members in channels", **settings):
    """Return the nets without spectral norm."""
    pair = nets("fastgan", size, channels, classes, layers, **{"width": 1, "z_size": 4, **settings})
    return pair.generator.net, pair.discriminator.net


def drawn_by(net, members, images):
    return {name: torch.rand(members, images, 2, dtype=torch.float64) for name in net.draws}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_at_256_pixels_the_nets_have_as_many_parameters_as_the_published_ones():
    generator, discriminator = nets("fastgan", 256, 3, width=64, z_size=256)
    widths = [1024, 512, 256, 128, 128, 64, 32]
    assert generator.layout.size == count(plain.Generator(256, 4, widths, 4, 3))
    looks = [16, 32, 64, 128, 256, 512], [32, 64, 128, 256]
    module = plain.Discriminator(4, *looks, [128, 64, 64, 32], 3, 1024, 3)
    assert discriminator.layout.size == count(module)
    # In the authors' code there are 192 more: a convolution of single pixels makes a second image of 64 channels.
    assert (generator.layout.size, discriminator.layout.size) == (29_127_654, 11_526_160)


CASES = [("batch last", 8), ("batch last", 16), ("members in channels", 28), ("members in channels", 64)]


@pytest.mark.parametrize(("layers", "size"), CASES)
def test_the_generator_equals_the_published_one_made_of_modules(layers, size):
    generator, _ = bare(size, layers=layers)
    views, z = generator.layout.views(params(generator, 2)), torch.randn(2, 3, 4, dtype=torch.float64)
    drawn = drawn_by(generator, 2, 3)
    images, statistics = generator(views, {}, z, drawn=drawn, training=True)
    assert generator.buffers.flat(statistics).shape == (2, generator.buffers.size)
    doubled = len(generator.widths) - 1
    side = size >> doubled
    sides = [side << n for n in range(1, doubled + 1, 2) for _ in range(2)]
    noises = [windows(place, own) for place, own in zip(drawn.values(), sides, strict=True)]
    for member, own in enumerate(images):
        module = filled(plain.Generator(4, side, generator.widths, doubled, 2), views, member)
        torch.testing.assert_close(own, module(z[member], [noise[member] for noise in noises]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("layers", "size"), CASES)
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
            side = {28: 7}.get(size, 4)
            module = plain.Discriminator(side, own.widths, own.second_widths, own.drawing_widths, halved, 16, 2)
            upper, left = (place[member] < 0.5).unbind(-1)
            theirs, distance = filled(module, views, member)(batch.images[member], upper, left)
            torch.testing.assert_close(logits[member], theirs.flatten(), rtol=1e-9, atol=1e-12)
            if n == 0:
                torch.testing.assert_close(answers.lessons[RECONSTRUCTION][member], distance, rtol=1e-9, atol=1e-12)


def test_from_five_doublings_on_there_are_as_many_excitations_as_the_paper_draws():
    generator, discriminator = bare(256)
    excited = [
        [name for name in net.layout.shapes if name.endswith("excite.weight")] for net in (generator, discriminator)
    ]
    assert excited == [[f"excite{n}.excite.weight" for n in last] for last in ((4, 5, 6), (3, 4, 5))]
    assert generator.layout.shapes["excite5.squeeze.weight"] == (1, 8 * 4 * 4)  # 128 pixels by 8, figure 3


@pytest.mark.parametrize("size", [8, 16, 28, 32, 48, 64, 96, 128])
def test_images_of_every_size_have_an_excitation(size):
    for net in bare(size):
        assert any("excite" in name for name in net.layout.shapes)


@pytest.mark.parametrize("layers", FORMULATIONS)
@pytest.mark.parametrize("classes", [0, 3])
def test_a_group_is_its_members_also_where_vmap_stacks_them(layers, classes):
    generator, discriminator = nets("fastgan", 16, 1, classes, layers, width=1, z_size=4)
    g, d, z = params(generator, 2), params(discriminator, 2), torch.randn(2, 3, 4, dtype=torch.float64)
    labels = one_hot(torch.tensor([[0, 2, 1], [1, 1, 0]]), 3)
    noises, place = drawn_by(generator, 2, 3), drawn_by(discriminator, 2, 3)
    of_g, of_d = (buffers(net, 1) for net in (generator, discriminator))

    def results(g, d, z, labels, noises, place):
        known = labels if classes else None
        own_g, own_d = ({name: one.expand(len(z), -1) for name, one in own.items()} for own in (of_g, of_d))
        images, _ = generator(generator.layout.views(g), own_g, z, known, noises, training=True)
        shown = [Shown(images, known), Shown(-images, known)]
        answers = discriminator.each(discriminator.layout.views(d), own_d, shown, place, training=True)
        return (*answers.logits, answers.lessons[RECONSTRUCTION])

    apart = [tree_map(lambda part: part[:, None], part) for part in (g, d, z, labels, noises, place)]
    together, stacked = results(g, d, z, labels, noises, place), torch.func.vmap(results)(*apart)
    for member in range(2):
        alone = results(*tree_map(lambda part, member=member: part[member], apart))
        for one, of_group, of_stack in zip(alone, together, stacked, strict=True):
            torch.testing.assert_close(of_group[member], one[0])
            torch.testing.assert_close(of_stack[member], one)


def test_an_image_that_is_looked_at_has_always_the_same_noise_and_one_of_training_another_each_time():
    generator, _ = bare(16)
    views, z = generator.layout.views(params(generator, 1)), torch.randn(1, 2, 4, dtype=torch.float64)

    def images(drawn):
        return generator(views, {}, z, drawn=drawn, training=True)[0]

    assert torch.equal(images({}), images({}))
    assert torch.equal(images({}), images({name: torch.zeros(1, 2, 2).double() for name in generator.draws}))
    assert not torch.equal(images(drawn_by(generator, 1, 2)), images(drawn_by(generator, 1, 2)))


def test_lessons_are_given_when_something_is_drawn_for_them_and_teach_the_decoders_too():
    _, discriminator = bare(28, 1)
    flat = params(discriminator, 1).requires_grad_()
    views, batch = discriminator.layout.views(flat), Shown(torch.randn(1, 3, 1, 28, 28, dtype=torch.float64))
    answers = discriminator.each(views, {}, [batch, batch], training=True)
    assert answers.lessons == {}
    (of_logits,) = torch.autograd.grad(answers.logits[0].square().sum(), flat, retain_graph=True)
    answers = discriminator.each(views, {}, [batch, batch], drawn_by(discriminator, 1, 3), training=True)
    (of_lesson,) = torch.autograd.grad(answers.lessons[RECONSTRUCTION].sum(), flat)
    taught = {
        kind: {name for name, view in discriminator.layout.views(gradient[0]).items() if view.any()}
        for kind, gradient in (("logits", of_logits), ("lesson", of_lesson))
    }
    drawing = {name for name in views if name.startswith("draw.")}
    judging = {name for name in views if name.startswith("judge.")}
    assert taught["logits"] == set(views) - drawing
    assert taught["lesson"] == set(views) - judging


def test_spectral_norm_takes_the_first_layer_for_the_transposed_convolution_that_it_is():
    generator, _ = nets("fastgan", 16, width=1, z_size=4)
    views, kept = generator.layout.views(params(generator, 1)), buffers(generator, 1)
    for _ in range(50):
        _, kept = generator(views, kept, torch.zeros(1, 2, 4, dtype=torch.float64), training=True)
    weight = views["dense.weight"][0].view(32, 4, 4, 4).permute(3, 0, 1, 2)  # as nn.ConvTranspose2d has it
    left, _, _ = torch.linalg.svd(
        weight.transpose(0, 1).flatten(1)
    )  # the matrix that nn.utils.spectral_norm makes of it
    torch.testing.assert_close((left[:, 0] @ kept["u.dense.weight"][0]).abs().item(), 1.0)


def test_at_first_scales_are_near_1_and_noise_has_no_strength():
    generator, _ = bare(16)
    views = generator.layout.views(generator.initial_params(np.random.default_rng(0)))
    for name, view in views.items():
        kind = name.rpartition(".")[2]
        assert kind in ("weight", "scale", "shift", "noise")
        assert (view - float(kind == "scale")).abs().max() < 0.1
        assert view.any() == (kind in ("weight", "scale"))


@pytest.mark.parametrize("size", [8, 16, 28, 32, 48, 64, 96, 128])
def test_images_of_every_size_come_out_of_g_and_go_into_d(size):
    generator, discriminator = nets("fastgan", size, width=1, z_size=4)
    g, d = (net.layout.views(params(net, 2)) for net in (generator, discriminator))
    own_g, own_d = (buffers(net, 2) for net in (generator, discriminator))
    images, _ = generator(g, own_g, torch.randn(2, 3, 4).double(), drawn=drawn_by(generator, 2, 3), training=True)
    assert images.shape == (2, 3, 1, size, size)
    assert images.abs().max() <= 1
    answers = discriminator.each(d, own_d, [Shown(images)] * 2, drawn_by(discriminator, 2, 3), training=True)
    places = {8: 1, 16: 25, 28: 16 + 16, 48: 9 + 9, 96: 9 + 9}.get(size, 25 + 25)
    assert [logits.shape for logits in answers.logits] == [(2, 3 * places)] * 2
    assert torch.stack([*answers.logits]).isfinite().all()
    assert answers.lessons[RECONSTRUCTION].shape == (2,)

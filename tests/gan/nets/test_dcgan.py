import math

import numpy as np
import pytest
import torch
from torch import nn

from pbt_gan.errors import DataError
from pbt_gan.gan.nets.dcgan import initial_params
from pbt_gan.gan.nets.layers import layers_for
from pbt_gan.gan.nets.sizes import halvings
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.shown import Shown
from pbt_gan.gan.training.loop import make_step


def nets(size=8, channels=1, **settings):
    step = make_step(GanSettings(**settings), size, channels)
    return step.generator, step.discriminator


def params(net, seed=0, init="normal", members=1):
    rng = np.random.default_rng(seed)
    return net.layout.views(torch.stack([initial_params(net.layout, init, rng) for _ in range(members)]))


def of_batch(net, views, x):
    """Return what a net makes of a batch, normalised by it."""
    return net(views, {}, x, training=True)


@pytest.fixture(scope="module")
def seed_nets():
    return nets(32, 3, width=128, z_size=128, kernel=5, bias_before_norm=True)


def test_the_nets_of_the_seed_project_have_as_many_parameters_as_there(seed_nets):
    assert [net.layout.size for net in seed_nets] == [5_179_907, 4_116_225]


def test_the_nets_of_the_seed_project_begin_with_as_much_spread_as_there(seed_nets):
    generator, discriminator = (params(net, init="uniform") for net in seed_nets)
    fans = {"double1": (512 / 4, 256), "double2": (256 / 4, 128), "double3": (128 / 4, 3)}
    for name, (fan_in, fan_out) in fans.items():
        deviation = math.sqrt(4 / (25 * (fan_in + fan_out)))
        assert generator[f"{name}.weight"].std().item() == pytest.approx(deviation, rel=0.02)
        assert generator[f"{name}.weight"].abs().max() <= deviation * math.sqrt(3)
    deviation = math.sqrt(4 / (25 * (3 + 128 / 4)))
    assert discriminator["halve1.weight"].std().item() == pytest.approx(deviation, rel=0.02)
    assert generator["dense.weight"].std().item() == pytest.approx(math.sqrt(2 / (128 + 8192)), rel=0.02)


@pytest.mark.parametrize("size", [8, 16, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("full_size_layer", [True, False])
def test_images_of_every_size_come_out_of_g_and_go_into_d(size, channels, full_size_layer):
    generator, discriminator = nets(size, channels, width=2, full_size_layer=full_size_layer)
    images, statistics = of_batch(generator, params(generator, members=2), torch.randn(2, 3, 64))
    assert images.shape == (2, 3, channels, size, size)
    assert images.abs().max() <= 1
    assert generator.buffers.flat(statistics).shape == (2, generator.buffers.size)
    assert of_batch(discriminator, params(discriminator, members=2), images)[0].shape == (2, 3)


@pytest.mark.parametrize("size", [1, 2, 4, 7, 9, 18, 30, 31, 33, 100])
def test_images_that_cannot_be_halved_down_are_refused_with_the_sizes_that_can(size):
    with pytest.raises(DataError, match="Resize them to 8, 16, 28, 32 or 64"):
        halvings(size)


@pytest.mark.parametrize("kernel", [3, 4, 5, 6, 7])
def test_every_kernel_doubles_and_halves(kernel):
    generator, discriminator = nets(28, kernel=kernel, width=2)
    images, _ = of_batch(generator, params(generator), torch.randn(1, 2, 64))
    assert images.shape == (1, 2, 1, 28, 28)
    assert of_batch(discriminator, params(discriminator), images)[0].shape == (1, 2)


def test_biases_before_a_norm_are_there_only_when_asked_for():
    for bias_before_norm in (False, True):
        generator, discriminator = nets(28, bias_before_norm=bias_before_norm)
        assert ("dense.bias" in generator.layout.shapes) is bias_before_norm
        assert ("double1.bias" in generator.layout.shapes) is bias_before_norm
        assert ("halve2.bias" in discriminator.layout.shapes) is bias_before_norm
        assert "double2.bias" in generator.layout.shapes
        assert "halve1.bias" in discriminator.layout.shapes


GENERATORS = {
    8: lambda: nn.Sequential(
        nn.Linear(8, 16 * 4, bias=False),
        nn.BatchNorm1d(16 * 4),
        nn.ReLU(),
        nn.Unflatten(1, (16, 2, 2)),
        nn.ConvTranspose2d(16, 8, 3, 2, 1, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 4, 3, 2, 1, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 1, 3, 1, 1),
        nn.Tanh(),
    ),
    28: lambda: nn.Sequential(
        nn.Linear(8, 8 * 49, bias=False),
        nn.BatchNorm1d(8 * 49),
        nn.ReLU(),
        nn.Unflatten(1, (8, 7, 7)),
        nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 1, 4, 2, 1),
        nn.Tanh(),
    ),
}

DISCRIMINATORS = {
    8: lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, 1, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(16 * 4, 1),
        nn.Flatten(0),
    ),
    28: lambda: nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 8, 4, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(8 * 49, 1),
        nn.Flatten(0),
    ),
}


@pytest.mark.parametrize("size", [8, 28])
@pytest.mark.parametrize("member", [0, 1])
def test_the_nets_equal_the_same_nets_made_of_modules(size, member):
    z = torch.randn(2, 5, 8, dtype=torch.float64)
    images = torch.randn(2, 5, 1, size, size, dtype=torch.float64)
    settings = {"width": 4, "z_size": 8, "dtype": "float64"}
    for net, made, inputs in zip(nets(size, **settings), (GENERATORS, DISCRIMINATORS), (z, images), strict=True):
        views = {name: view.double() for name, view in params(net, members=2).items()}
        modules = made[size]().double()
        assert [tuple(p.shape) for p in modules.parameters()] == list(net.layout.shapes.values())
        with torch.no_grad():
            for parameter, view in zip(modules.parameters(), views.values(), strict=True):
                parameter.copy_(view[member])
        outputs, _ = of_batch(net, views, inputs)
        torch.testing.assert_close(outputs[member], modules(inputs[member]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [8, 28, 32])
def test_batch_norm_gives_what_torchs_module_gives_and_changes_nothing_in_place(size):
    layers = layers_for(size, torch.float64, "cpu")
    images = torch.randn(2, 6, 3, 4, 4, dtype=torch.float64)
    (x,), scale, shift = layers.enter([images]), torch.rand(2, 3).double(), torch.randn(2, 3).double()
    before = [tensor.clone() for tensor in (x, scale, shift)]
    normal, mean, variance = layers.batch_norm(x, scale, shift)
    for p, of_member in enumerate(layers.leave(normal, 3)):
        module = nn.BatchNorm2d(3).double()
        with torch.no_grad():
            module.weight.copy_(scale[p])
            module.bias.copy_(shift[p])
        torch.testing.assert_close(of_member, module(images[p]))
    torch.testing.assert_close(mean, images.mean((1, 3, 4)))
    torch.testing.assert_close(variance, images.var((1, 3, 4), correction=0), rtol=1e-10, atol=0)
    assert all(torch.equal(*pair) for pair in zip(before, (x, scale, shift), strict=True))


@pytest.mark.parametrize("size", [8, 28, 32])
def test_with_its_own_statistics_given_batch_norm_does_the_same(size):
    layers = layers_for(size, torch.float32, "cpu")
    (x,), scale, shift = layers.enter([torch.randn(2, 6, 3, 4, 4)]), torch.rand(2, 3), torch.randn(2, 3)
    normal, mean, variance = layers.batch_norm(x, scale, shift)
    torch.testing.assert_close(layers.normalize(x, scale, shift, mean, variance), normal, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [8, 28, 32])
def test_batches_that_go_through_the_discriminator_together_do_not_meet(size):
    _, discriminator = nets(size, width=4, dtype="float64")
    views = {name: view.double() for name, view in params(discriminator, members=2).items()}
    batches = torch.randn(2, 2, 5, 1, size, size, dtype=torch.float64)
    said = discriminator.each(views, {}, [Shown(batch) for batch in batches], training=True)
    for images, logits in zip(batches, said.logits, strict=True):
        torch.testing.assert_close(logits, of_batch(discriminator, views, images)[0], rtol=1e-10, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 28, 32])
def test_with_statistics_given_an_image_does_not_depend_on_its_batch(size):
    generator, _ = nets(size, dtype="float64")
    views = {name: view.double() for name, view in params(generator, members=2).items()}
    z = torch.randn(2, 10, 64, dtype=torch.float64)
    together, statistics = of_batch(generator, views, z)
    torch.testing.assert_close(generator(views, statistics, z, training=False)[0], together)
    torch.testing.assert_close(generator(views, statistics, z[:, :1], training=False)[0], together[:, :1])
    assert not torch.allclose(of_batch(generator, views, z[:, :5])[0], together[:, :5])


@pytest.mark.parametrize("size", [8, 28, 32])
def test_bfloat16_is_the_dtype_of_products_only(size):
    generator, discriminator = nets(size, dtype="bfloat16")
    z = torch.randn(1, 4, 64)
    images, statistics = of_batch(generator, params(generator), z)
    assert images.dtype == torch.float32
    assert {moment.dtype for moment in statistics.values()} == {torch.float32}
    assert of_batch(discriminator, params(discriminator), images)[0].dtype == torch.float32
    exact, _ = of_batch(nets(size)[0], params(generator), z)
    assert 0 < (images - exact).abs().max() < 0.05


def test_views_share_the_memory_of_the_flat_tensor_and_lead_back_to_it():
    generator, _ = nets()
    flat = torch.arange(2.0 * generator.layout.size).view(2, -1)
    for group in (flat, flat[0]):
        views = generator.layout.views(group)
        assert torch.equal(generator.layout.flat(views), group)
        assert views["keep.bias"].shape == (*group.shape[:-1], 1)
    views["keep.bias"].fill_(-1.0)
    assert flat[0, -1] == -1.0

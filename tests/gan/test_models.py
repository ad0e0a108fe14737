import math

import numpy as np
import pytest
import torch
from torch import nn

from pbt_gan.errors import DataError
from pbt_gan.gan.layers import batch_norm, normalize
from pbt_gan.gan.models import initial_params
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.sizes import halvings
from pbt_gan.gan.trainer import make_step


def nets(size=8, channels=1, **settings):
    step = make_step(GanSettings(**settings), size, channels)
    return step.generator, step.discriminator


def params(net, seed=0, init="normal"):
    return net.layout.views(initial_params(net.layout, init, np.random.default_rng(seed)))


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
    images, statistics = generator(params(generator), torch.randn(3, 64))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert generator.statistics.flat(statistics).shape == (generator.statistics.size,)
    assert discriminator(params(discriminator), images).shape == (3,)


@pytest.mark.parametrize("size", [1, 2, 4, 7, 9, 18, 30, 31, 33, 100])
def test_images_that_cannot_be_halved_down_are_refused_with_the_sizes_that_can(size):
    with pytest.raises(DataError, match="Resize them to 8, 16, 28, 32 or 64"):
        halvings(size)


@pytest.mark.parametrize("kernel", [3, 4, 5, 6, 7])
def test_every_kernel_doubles_and_halves(kernel):
    generator, discriminator = nets(28, kernel=kernel, width=2)
    images, _ = generator(params(generator), torch.randn(2, 64))
    assert images.shape == (2, 1, 28, 28)
    assert discriminator(params(discriminator), images).shape == (2,)


def test_biases_before_a_norm_are_there_only_when_asked_for():
    for bias_before_norm in (False, True):
        generator, discriminator = nets(28, bias_before_norm=bias_before_norm)
        assert ("dense.bias" in generator.layout.shapes) is bias_before_norm
        assert ("double1.bias" in generator.layout.shapes) is bias_before_norm
        assert ("halve2.bias" in discriminator.layout.shapes) is bias_before_norm
        assert "double2.bias" in generator.layout.shapes
        assert "halve1.bias" in discriminator.layout.shapes


def test_the_generator_equals_the_same_net_made_of_modules():
    generator, _ = nets(28, width=4, z_size=8, dtype="float64")
    flat = initial_params(generator.layout, "normal", np.random.default_rng(0)).double()
    views = generator.layout.views(flat)
    modules = nn.Sequential(
        nn.Linear(8, 8 * 49, bias=False),
        nn.BatchNorm1d(8 * 49),
        nn.ReLU(),
        nn.Unflatten(1, (8, 7, 7)),
        nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 1, 4, 2, 1),
        nn.Tanh(),
    ).double()
    assert [tuple(p.shape) for p in modules.parameters()] == list(generator.layout.shapes.values())
    with torch.no_grad():
        for parameter, view in zip(modules.parameters(), views.values(), strict=True):
            parameter.copy_(view)
    z = torch.randn(5, 8, dtype=torch.float64)
    torch.testing.assert_close(generator(views, z)[0], modules(z), rtol=1e-10, atol=1e-12)


def test_batch_norm_gives_what_torchs_module_gives_and_changes_nothing_in_place():
    x, scale, shift = torch.randn(6, 3, 4, 4).double(), torch.rand(3).double(), torch.randn(3).double()
    before = [tensor.clone() for tensor in (x, scale, shift)]
    normal, mean, variance = batch_norm(x, scale, shift)
    module = nn.BatchNorm2d(3).double()
    with torch.no_grad():
        module.weight.copy_(scale)
        module.bias.copy_(shift)
    torch.testing.assert_close(normal, module(x))
    torch.testing.assert_close(mean, x.mean((0, 2, 3)))
    torch.testing.assert_close(variance, x.var((0, 2, 3), correction=0), rtol=1e-10, atol=0)
    assert all(torch.equal(*pair) for pair in zip(before, (x, scale, shift), strict=True))


def test_with_its_own_statistics_given_batch_norm_does_the_same():
    x, scale, shift = torch.randn(6, 3, 4, 4), torch.rand(3), torch.randn(3)
    normal, mean, variance = batch_norm(x, scale, shift)
    torch.testing.assert_close(normalize(x, scale, shift, mean, variance), normal, rtol=1e-4, atol=1e-5)


def test_with_statistics_given_an_image_does_not_depend_on_its_batch():
    generator, _ = nets(dtype="float64")
    flat = initial_params(generator.layout, "normal", np.random.default_rng(0)).double()
    views, z = generator.layout.views(flat), torch.randn(10, 64, dtype=torch.float64)
    _, statistics = generator(views, z)
    alone, together = generator(views, z[:1], statistics)[0], generator(views, z, statistics)[0]
    torch.testing.assert_close(alone, together[:1])
    assert not torch.allclose(generator(views, z[:5])[0], together[:5])


def test_bfloat16_is_the_dtype_of_products_only():
    generator, discriminator = (nets(dtype="bfloat16")[n] for n in (0, 1))
    z = torch.randn(4, 64)
    images, statistics = generator(params(generator), z)
    assert images.dtype == torch.float32
    assert {moment.dtype for moment in statistics.values()} == {torch.float32}
    assert discriminator(params(discriminator), images).dtype == torch.float32
    exact = nets()[0](params(generator), z)[0]
    assert 0 < (images - exact).abs().max() < 0.05


def test_views_share_the_memory_of_the_flat_tensor_and_lead_back_to_it():
    generator, _ = nets()
    flat = torch.arange(float(generator.layout.size))
    views = generator.layout.views(flat)
    assert torch.equal(generator.layout.flat(views), flat)
    views["keep.bias"].fill_(-1.0)
    assert flat[-1] == -1.0

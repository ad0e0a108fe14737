import pytest
import torch

from tests.gan.nets import plain
from tests.gan.nets.groups import buffers, filled, nets, params

TABLE_3 = {
    "generator": [(128, 4 * 4 * 512, 1), (512, 256, 16), (256, 128, 16), (128, 64, 16), (64, 3, 9)],
    "discriminator": [
        (3, 64, 9),
        (64, 64, 16),
        (64, 128, 9),
        (128, 128, 16),
        (128, 256, 9),
        (256, 256, 16),
        (256, 512, 9),
        (4 * 4 * 512, 1, 1),
    ],
}
"""Channels in and out and pixels of the kernel of each layer of Miyato et al. 2018, arXiv:1802.05957, table 3."""

NORMS = 2 * (4 * 4 * 512 + 256 + 128 + 64)
"""Parameters of the generator's batch norms."""


def test_at_32_pixels_the_nets_have_as_many_parameters_as_the_table_says():
    generator, discriminator = nets("sngan-cnn", 32, 3, z_size=128, bias_before_norm=True)
    wanted = {name: sum(ins * outs * pixels + outs for ins, outs, pixels in rows) for name, rows in TABLE_3.items()}
    assert generator.layout.size == wanted["generator"] + NORMS == 3_828_739
    assert discriminator.layout.size == wanted["discriminator"] == 2_935_873


def test_biases_that_batch_norm_takes_out_again_are_left_out_unless_asked_for():
    generator, _ = nets("sngan-cnn", 32, 3, z_size=128)
    assert generator.layout.size == 3_828_739 - (4 * 4 * 512 + 256 + 128 + 64)


@pytest.mark.parametrize("size", [32, 48])
def test_the_generator_equals_the_published_one_made_of_modules(size):
    generator, _ = nets("sngan-cnn", size, 3, width=2, z_size=8, bias_before_norm=True)
    views = generator.layout.views(params(generator, 2))
    z = torch.randn(2, 5, 8, dtype=torch.float64)
    images, _ = generator(views, {}, z, training=True)
    for member in range(2):
        module = filled(plain.CnnGenerator(8, size // 8, 2), views, member)
        torch.testing.assert_close(images[member], module(z[member]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [32, 48])
def test_the_discriminator_equals_the_published_one_made_of_modules(size):
    _, discriminator = nets("sngan-cnn", size, 3, width=2, discriminator_norm="none")
    views = discriminator.layout.views(params(discriminator, 2))
    images = torch.randn(2, 5, 3, size, size, dtype=torch.float64)
    logits, _ = discriminator(views, {}, images, training=True)
    for member in range(2):
        module = filled(plain.CnnDiscriminator(size // 8, 2), views, member)
        torch.testing.assert_close(logits[member], module(images[member]), rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 16, 28, 32, 48, 64, 96, 128])
def test_images_of_every_size_come_out_of_g_and_go_into_d(size):
    generator, discriminator = nets("sngan-cnn", size, width=1, z_size=4)
    images, _ = generator(
        generator.layout.views(params(generator, 2)), {}, torch.randn(2, 3, 4).double(), training=True
    )
    assert images.shape == (2, 3, 1, size, size)
    views = discriminator.layout.views(params(discriminator, 2))
    logits, _ = discriminator(views, buffers(discriminator, 2), images, training=True)
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()

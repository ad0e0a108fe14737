import numpy as np
import pytest
import torch

from tests.gan.nets import plain
from tests.gan.nets.groups import buffers, filled, nets, one_hot, params

MIMICRY = {
    32: (128, 4_276_739, 1_053_825),
    48: (64, 4_878_083, 10_141_441),
    64: (64, 12_220_675, 10_141_441),
    128: (64, 32_150_787, 29_017_857),
}
"""By size: width, and parameters of the SNGAN nets of torch-mimicry 0.1.16 (Lee and Town 2020, arXiv:2005.02494)."""

WIDTHS = {
    32: ((256, 256, 256, 256), (128, 128, 128, 128), 2),
    48: ((512, 256, 128, 64), (64, 128, 256, 512, 1024), 4),
    64: ((1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024), 5),
    128: ((1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024), 5),
}
"""By size: of the generator, of the discriminator, and how many of its blocks halve. Source: Miyato et al. 2018, tables
4 to 6; 64: pfnet-research/sngan_projection."""


@pytest.mark.parametrize("size", MIMICRY)
def test_at_published_sizes_the_nets_have_as_many_parameters_as_elsewhere(size):
    width, generator, discriminator = MIMICRY[size]
    pair = nets("resnet", size, 3, width=width, z_size=128, bias_before_norm=True)
    assert [net.layout.size for net in pair] == [generator, discriminator]


def test_conditional_nets_have_as_many_parameters_as_elsewhere():
    # Those of cGAN-PD in torch-mimicry 0.1.16 for 10 classes.
    pair = nets("resnet", 32, 3, classes=10, z_size=128, bias_before_norm=True)
    assert [net.layout.size for net in pair] == [4_304_387, 1_055_105]


def test_without_spectral_norm_the_nets_have_as_many_parameters_as_those_of_wgan_gp():
    block = 2 * (9 * 128 * 128 + 128) + 128 * 128 + 128
    norms = 3 * 4 * 128 + 2 * 128
    pair = nets("resnet", 32, 3, z_size=128, discriminator_norm="none", bias_before_norm=True)
    assert pair.generator.layout.size == (128 + 1) * 16 * 128 + 3 * block + norms + 27 * 128 + 3
    assert pair.discriminator.layout.size == 1_053_825  # of WGANGPDiscriminator32 in torch-mimicry 0.1.16


@pytest.mark.parametrize("norm", ["spectral", "none"])
@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize(
    "size", [32, pytest.param(48, marks=pytest.mark.slow), pytest.param(64, marks=pytest.mark.slow)]
)
def test_the_nets_equal_the_published_ones_made_of_modules(size, classes, norm):
    up, down, halving = WIDTHS[size]
    finest = down[0] // 2 if size == 32 else down[0]  # 2 channels there
    up, down = (tuple(2 * width // finest for width in widths) for widths in (up, down))
    up = down if norm == "none" and size == 32 else up
    generator, discriminator = nets(
        "resnet", size, 3, classes, width=down[0], z_size=8, discriminator_norm=norm, bias_before_norm=True
    )
    labels, z = torch.tensor([[0, 1, 2], [2, 2, 0]]), torch.randn(2, 3, 8, dtype=torch.float64)
    hot = one_hot(labels, classes) if classes else None
    views = generator.layout.views(params(generator, 2))
    images, statistics = generator(views, {}, z, hot, training=True)
    again, _ = generator(views, statistics, z, hot, training=False)
    torch.testing.assert_close(again, images, rtol=1e-9, atol=1e-11)
    side = {48: 6}.get(size, 4)
    for member in range(2):
        module = filled(plain.ResNetGenerator(8, side, up, classes=classes), views, member)
        torch.testing.assert_close(images[member], module(z[member], labels[member]), rtol=1e-10, atol=1e-12)

    views = discriminator.layout.views(params(discriminator, 2))
    exact = {
        f"u.{name}": torch.linalg.svd(weight.flatten(2)).U[..., 0]
        for name, weight in views.items()
        if name.endswith("weight")
    }
    logits, _ = discriminator(views, exact if norm == "spectral" else {}, images, hot, training=True)
    for member in range(2):
        module = plain.ResNetDiscriminator(down, halving, classes=classes, mean=norm == "none")
        module = filled(module, views, member)
        module = plain.spectral(module) if norm == "spectral" else module
        said = module(images[member], labels[member])
        torch.testing.assert_close(logits[member], said, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 16, 28, 32, 40, 48, 64, 96, 112, 128])
def test_images_of_every_size_come_out_of_g_and_go_into_d(size):
    generator, discriminator = nets("resnet", size, width=1, z_size=4)
    images, _ = generator(
        generator.layout.views(params(generator, 2)), {}, torch.randn(2, 3, 4).double(), training=True
    )
    assert images.shape == (2, 3, 1, size, size)
    views = discriminator.layout.views(params(discriminator, 2))
    logits, _ = discriminator(views, buffers(discriminator, 2), images, training=True)
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


def test_scales_begin_at_1_and_weights_with_the_spread_of_the_source():
    generator, discriminator = nets("resnet", 16, width=16)
    for net in (generator, discriminator):
        for name, part in net.layout.views(net.initial_params(np.random.default_rng(0))).items():
            if not name.endswith("weight"):
                assert part.unique().tolist() == [1.0 if name.endswith("scale") else 0.0]
            elif part.numel() > 2_000:
                gain = 2 if ".convolution" in name else 1
                fan_out, fan_in = (n * part[0, 0].numel() for n in part.shape[:2])
                assert part.std().item() == pytest.approx((2 * gain / (fan_in + fan_out)) ** 0.5, rel=0.05)

"""Both formulations of the layers say the same, and what they say is what torch says of each member alone."""

import pytest
import torch
from torch.nn import functional as F

from pbt_gan.gan.nets.batch_last import BatchLast
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.nets.resampling import grow, pool

MEMBERS, BATCH, CHANNELS, SIZE = 3, 5, 4, 6
LAYERS: list[Layers] = [BatchLast(torch.float64), MembersInChannels(torch.float64)]
either = pytest.mark.parametrize("layers", LAYERS, ids=lambda layers: type(layers).__name__)


def normal(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


IMAGES = normal(MEMBERS, BATCH, CHANNELS, SIZE, SIZE)


def through(layers, change, channels=CHANNELS):
    """Return images [P, B, C, H, W] after a change of what they are within a net."""
    (x,) = layers.enter([IMAGES])
    return layers.leave(change(x), channels)


def each(change):
    """Return the same, member by member."""
    return torch.stack([change(member, images) for member, images in enumerate(IMAGES)])


@either
@pytest.mark.parametrize(("groups", "outs", "kernel"), [(1, 6, 3), (1, 2, 1), (2, 6, 3), (4, 4, 3), (4, 8, 1)])
def test_a_convolution_in_groups_is_that_of_torch(layers, groups, outs, kernel):
    weight, bias = normal(MEMBERS, outs, CHANNELS // groups, kernel, kernel), normal(MEMBERS, outs)
    made = through(layers, lambda x: layers.convolve(x, weight, bias, groups), outs)
    same = each(lambda member, own: F.conv2d(own, weight[member], bias[member], padding="same", groups=groups))
    torch.testing.assert_close(made, same, rtol=1e-12, atol=1e-12)


@either
def test_pixels_are_averaged_and_repeated_as_by_torch(layers):
    torch.testing.assert_close(through(layers, pool), each(lambda _, own: F.avg_pool2d(own, 2)))
    assert torch.equal(through(layers, grow), each(lambda _, own: F.interpolate(own, scale_factor=2)))


@either
def test_values_for_channels_images_and_pixels_reach_their_own(layers):
    channel, image = normal(MEMBERS, CHANNELS), normal(MEMBERS, BATCH, CHANNELS)
    pixel = normal(MEMBERS, BATCH, SIZE, SIZE)
    ways = [
        (lambda x: x * layers.per_channel(channel, x), channel[:, None, :, None, None]),
        (lambda x: x * layers.per_image(image[None]), image[..., None, None]),
        (lambda x: x * layers.per_pixel(pixel, CHANNELS), pixel[:, :, None]),
    ]
    for change, factor in ways:
        assert torch.equal(through(layers, change), IMAGES * factor)


def test_values_of_several_batches_reach_their_own():
    layers = LAYERS[0]
    batches = [IMAGES, IMAGES.flip(0)]
    (x,) = layers.enter(batches)
    channel, image = normal(MEMBERS, CHANNELS), normal(2, MEMBERS, BATCH, CHANNELS)
    by_channel, by_image = x * layers.per_channel(channel, x), x * layers.per_image(image)
    for batch, (own, factor) in enumerate(zip(batches, image, strict=True)):
        rows = slice(batch * MEMBERS, (batch + 1) * MEMBERS)
        assert torch.equal(layers.leave(by_channel[rows], CHANNELS), own * channel[:, None, :, None, None])
        assert torch.equal(layers.leave(by_image[rows], CHANNELS), own * factor[..., None, None])
        assert torch.equal(layers.flatten(x, MEMBERS)[batch], own.flatten(2))


@either
def test_channels_are_split_and_images_laid_flat_member_by_member(layers):
    (x,) = layers.enter([IMAGES])
    assert torch.equal(layers.flatten(x, MEMBERS), IMAGES.flatten(2)[None])
    for part, own in zip(layers.split(x, MEMBERS, 2), IMAGES.chunk(2, 2), strict=True):
        assert torch.equal(layers.leave(part, CHANNELS // 2), own)


@pytest.mark.slow
@either
def test_each_can_be_differentiated_twice(layers):
    weight = normal(MEMBERS, 4, 2, 1, 1).requires_grad_()

    def squared_slopes(weight):
        images = IMAGES.clone().requires_grad_()
        (x,) = layers.enter([images])
        y = grow(pool(layers.convolve(x, weight, None, 2)))
        gated = layers.split(y, MEMBERS, 2)[0] * layers.per_channel(weight[:, :2, 0, 0, 0], y).sigmoid()
        (slope,) = torch.autograd.grad((layers.flatten(gated, MEMBERS) ** 3).sum(), images, create_graph=True)
        return slope.square().sum()

    assert torch.autograd.gradgradcheck(lambda weight: squared_slopes(weight), (weight,), nondet_tol=1e-9)

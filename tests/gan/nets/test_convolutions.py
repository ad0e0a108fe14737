import pytest
import torch
from torch.nn import functional as F

from pbt_gan.gan.nets.convolutions import Window, convolve, transposed

BATCHES, MEMBERS, SAMPLES = 2, 3, 5

WINDOWS = [
    Window(MEMBERS, kernel, stride) for kernel, stride in ((1, 1), (3, 1), (5, 1), (3, 2), (4, 2), (5, 2), (7, 2))
]


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def each(images, weights):
    """Yield the images of one batch with the samples first, and its member's weights."""
    for i, own in enumerate(images):
        yield own.permute(3, 0, 1, 2), weights[i % MEMBERS]


@pytest.mark.parametrize("window", WINDOWS)
def test_each_batch_is_convolved_with_its_members_weights(window):
    images, weights = numbers(BATCHES * MEMBERS, 2, 8, 8, SAMPLES), numbers(MEMBERS, 4, 2, window.kernel, window.kernel)
    ours = convolve(images, weights, window)
    for result, (own, kernel) in zip(ours, each(images, weights), strict=True):
        theirs = F.conv2d(own, kernel, stride=window.stride, padding=(window.kernel - 1) // 2)
        torch.testing.assert_close(result.permute(3, 0, 1, 2), theirs)


@pytest.mark.parametrize("window", WINDOWS)
def test_and_so_it_is_transposed(window):
    images, weights = numbers(BATCHES * MEMBERS, 4, 4, 4, SAMPLES), numbers(MEMBERS, 4, 2, window.kernel, window.kernel)
    ours = transposed(images, weights, window)
    for result, (own, kernel) in zip(ours, each(images, weights), strict=True):
        padding, more = (window.kernel - 1) // 2, window.kernel % 2 if window.stride == 2 else 0
        theirs = F.conv_transpose2d(own, kernel, stride=window.stride, padding=padding, output_padding=more)
        torch.testing.assert_close(result.permute(3, 0, 1, 2), theirs)


@pytest.mark.slow
@pytest.mark.parametrize("function", [convolve, transposed])
@pytest.mark.parametrize("window", [Window(2, 3, 1), Window(2, 4, 2)])
def test_both_can_be_differentiated_twice(function, window):
    weights = numbers(2, 2, 2, window.kernel, window.kernel)
    arguments = [part.requires_grad_() for part in (numbers(4, 2, 2, 2, 2), weights)]
    assert torch.autograd.gradcheck(lambda *parts: function(*parts, window), arguments)
    assert torch.autograd.gradgradcheck(lambda *parts: function(*parts, window), arguments)


@pytest.mark.parametrize("function", [convolve, transposed])
def test_groups_stacked_by_vmap_are_as_each_alone(function):
    window = Window(2, 3, 2)
    images, weights = numbers(3, 4, 2, 4, 4, SAMPLES), numbers(3, 2, 2, 2, 3, 3)
    stacked = torch.func.vmap(lambda *parts: function(*parts, window))(images, weights)
    for result, *parts in zip(stacked, images, weights, strict=True):
        torch.testing.assert_close(result, function(*parts, window))


def test_images_may_be_repeated_in_memory_and_gradients_too():
    images, weights = numbers(2, 3, 1, 1, 1).expand(2, 3, 4, 4, SAMPLES), numbers(2, 3, 3, 1, 1).requires_grad_()
    window = Window(2, 1, 1)
    repeated = convolve(images, weights, window)
    torch.testing.assert_close(repeated, convolve(images.contiguous(), weights, window))
    (of_sum,) = torch.autograd.grad(repeated.sum(), weights)
    torch.testing.assert_close(of_sum, images.sum((2, 3, 4))[:, None, :, None, None].expand_as(of_sum))

"""Convolutions in groups say what torch's do, whatever is asked for of them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from pbt_gan.gan.nets.grouped import Window, convolve, transposed

windows = st.sampled_from(
    [Window(groups, kernel, stride) for groups in (1, 2, 3) for kernel, stride in ((1, 1), (3, 1), (3, 2), (4, 2))]
)


def normal(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def operands(window, ins=2, outs=3, side=2):
    """Return fine and coarse images, and weights."""
    size = side * window.stride
    fine, coarse = normal(2, window.groups * ins, size, size), normal(2, window.groups * outs, side, side)
    return fine, coarse, normal(window.groups * outs, ins, window.kernel, window.kernel)


@given(windows, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_they_and_their_gradients_are_those_of_torch(window, ins, outs, side):
    fine, coarse, weights = (each.requires_grad_() for each in operands(window, ins, outs, side))
    padding, after, groups = window.padding, window.transposed_padding, window.groups
    own = convolve(fine, weights, window), transposed(coarse, weights, window)
    same = (
        F.conv2d(fine, weights, None, window.stride, padding, groups=groups),
        F.conv_transpose2d(coarse, weights, None, window.stride, padding, after, groups),
    )
    for one, other, images in zip(own, same, (fine, coarse), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
        gradients = (torch.autograd.grad(each.sin().sum(), (images, weights)) for each in (one, other))
        for found, right in zip(*gradients, strict=True):
            torch.testing.assert_close(found, right, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("window", [Window(2, 3, 1), Window(2, 4, 2), Window(1, 3, 2)])
def test_they_can_be_differentiated_twice(window):
    fine, coarse, weights = (each.requires_grad_() for each in operands(window, 1, 2, 1))
    check = torch.autograd.gradgradcheck
    assert check(lambda one, other: convolve(one, other, window), (fine, weights), nondet_tol=1e-9)
    assert check(lambda one, other: transposed(one, other, window), (coarse, weights), nondet_tol=1e-9)


@pytest.mark.parametrize("window", [Window(1, 3, 1), Window(2, 4, 2)])
def test_stacked_by_vmap_their_slopes_are_those_of_each_alone(window):
    groups = [operands(window) for _ in range(2)]
    fine, coarse, weights = (torch.stack([each, each.flip(0)]) for each in groups[0])

    def slopes(fine, coarse, weights):
        def through(fine, coarse):
            return (convolve(fine, weights, window) * coarse).sin().sum() + transposed(
                coarse, weights, window
            ).cos().sum()

        return torch.func.grad(through, argnums=(0, 1))(fine, coarse)

    def twice(*given):
        return torch.func.grad(lambda *given: sum(slope.square().sum() for slope in slopes(*given)), (0, 1, 2))(*given)

    together = torch.func.vmap(twice)(fine, coarse, weights)
    alone = zip(*(twice(*each) for each in zip(fine, coarse, weights, strict=True)), strict=True)
    for one, others in zip(together, alone, strict=True):
        torch.testing.assert_close(one, torch.stack(others), rtol=1e-11, atol=1e-11)

import pytest
import torch
from torch import nn

from benchmarks.flops import FlopCounter


def counted(work):
    with FlopCounter() as counter:
        work()
    return counter.total


def multiplications(module, size):
    """Count the numbers that a pass multiplies: with weights and pixels of 1, the sum of what comes out."""
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    return round(module(torch.ones(1, 3, size, size)).sum().item())


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(3, 2, 3, padding=1, bias=False),
        nn.Conv2d(3, 2, 5, stride=2, padding=2, bias=False),
        nn.ConvTranspose2d(3, 2, 5, stride=2, padding=2, output_padding=1, bias=False),
        nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1, bias=False),
    ],
    ids=str,
)
def test_padding_is_not_counted(module):
    once = 2 * multiplications(module, 8)
    image = torch.ones(1, 3, 8, 8)
    # Forwards, and for the gradient of the weights; then for that of the image too.
    assert counted(lambda: module(image).sum().backward()) == pytest.approx(2 * once)
    image.requires_grad_()
    assert counted(lambda: module(image).sum().backward()) == pytest.approx(3 * once)


@pytest.mark.slow
def test_the_gradient_of_a_gradient_is_counted():
    module = nn.Conv2d(3, 2, 5, stride=2, padding=2, bias=False)
    once = 2 * multiplications(module, 8)
    image = torch.ones(1, 3, 8, 8, requires_grad=True)

    def penalise():
        (gradient,) = torch.autograd.grad(module(image).sum(), image, create_graph=True)
        gradient.square().sum().backward(inputs=list(module.parameters()))

    assert counted(penalise) >= 3 * once  # forwards, to the image, and from there to the weights

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flops import backward_flops, convolution_flops


def counted(module, x):
    aten = torch.ops.aten
    mapping = {aten.convolution: convolution_flops, aten.convolution_backward: backward_flops}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        module(x).sum().backward()
    return counter.get_total_flops()


def multiplications(module, size):
    """Count the numbers that a pass multiplies: with weights and pixels of 1, the sum of what comes out."""
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    return round(module(torch.ones(1, 3, size, size)).sum().item())


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
    assert counted(module, torch.ones(1, 3, 8, 8)) == pytest.approx(2 * once)  # forwards, and for the weights' gradient
    assert counted(module, torch.ones(1, 3, 8, 8, requires_grad=True)) == pytest.approx(3 * once)

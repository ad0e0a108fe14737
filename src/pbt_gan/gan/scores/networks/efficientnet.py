"""EfficientNet-Lite0: EfficientNet-B0 without squeeze and excitation, with ReLU6 for swish.

Source: Tan and Le 2019, arXiv:1905.11946, table 1; what Lite leaves out: models/official/efficientnet/lite in
github.com/tensorflow/tpu.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

FEATURES = 1_280
CLASSES = 1_000


class Stage(NamedTuple):
    """Blocks in a row, all alike but the first, which has the stride and takes the channels of the stage before."""

    blocks: int
    kernel: int
    stride: int
    expansion: int  # channels within a block for each channel that it takes
    channels: int


STEM = 32
"""Channels of the first convolution."""

STAGES = (
    Stage(blocks=1, kernel=3, stride=1, expansion=1, channels=16),
    Stage(blocks=2, kernel=3, stride=2, expansion=6, channels=24),
    Stage(blocks=2, kernel=5, stride=2, expansion=6, channels=40),
    Stage(blocks=3, kernel=3, stride=2, expansion=6, channels=80),
    Stage(blocks=3, kernel=5, stride=1, expansion=6, channels=112),
    Stage(blocks=4, kernel=5, stride=2, expansion=6, channels=192),
    Stage(blocks=1, kernel=3, stride=1, expansion=6, channels=320),
)


class EfficientNetLite0(nn.Module):
    """The network, in the order of its published weights: 4,652,008 of them, and 42,016 statistics of batch norm.

    Padding is TensorFlow's "same": where it is odd, the pixel more is on the right and at the bottom.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, STEM, 3, stride=2)
        channels = [STEM, *(stage.channels for stage in STAGES)]
        self.blocks = nn.Sequential(
            *(
                Block(ins if first else outs, outs, stage.kernel, stage.stride if first else 1, stage.expansion)
                for stage, (ins, outs) in zip(STAGES, pairwise(channels), strict=True)
                for first in [True] + [False] * (stage.blocks - 1)
            )
        )
        self.head = _convolution(channels[-1], FEATURES, 1)
        self.classes = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float32[N, FEATURES], and logits, float32[N, CLASSES].

        Args:
            images: float32[N, 3, H, W], (value - 127) / 128 of values in 0 … 255; any height and width.
        """
        features = self.head(self.blocks(self.stem(images))).mean((2, 3))
        return features, self.classes(features)


class Block(nn.Module):
    """Widen, convolve each channel by itself, narrow; what is as large as it came in is added to it.

    Source: Sandler et al. 2018, arXiv:1801.04381 (inverted residuals and linear bottlenecks).
    """

    def __init__(self, ins: int, outs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = ins * expansion
        self.layers = nn.Sequential(
            *([_convolution(ins, inner, 1)] if expansion > 1 else []),
            _convolution(inner, inner, kernel, stride, groups=inner),
            _convolution(inner, outs, 1, bounded=False),
        )
        self.adds = stride == 1 and ins == outs

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outs, ⌈H / stride⌉, ⌈W / stride⌉] of [N, ins, H, W]."""
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


def with_weights(weights: Mapping[str, Tensor]) -> EfficientNetLite0:
    """Return the network with published weights, ready to look at images.

    They are taken in their order, whatever they are called, and have to be of the shapes of this network.
    """
    with torch.device("meta"):  # no time and no random numbers for weights that are replaced at once
        net = EfficientNetLite0()
    net.load_state_dict(dict(zip(net.state_dict(), weights.values(), strict=True)), assign=True)
    _fold(net.eval())
    return net.requires_grad_(False)


def _fold(net: nn.Module) -> None:
    """Make batch norm a part of the convolutions before it, which is the same and half as fast again on a CPU."""
    for layer in [each for each in net.modules() if isinstance(each, nn.Sequential)]:
        if (
            len(layer) > 1
            and isinstance(convolution := layer[0], nn.Conv2d)
            and isinstance(bn := layer[1], nn.BatchNorm2d)
        ):
            layer[0], layer[1] = fuse_conv_bn_eval(convolution, bn), nn.Identity()


def _convolution(
    ins: int, outs: int, kernel: int, stride: int = 1, *, groups: int = 1, bounded: bool = True
) -> nn.Sequential:
    """Return a convolution, its batch norm and, unless its values are to stay as they are, ReLU6."""
    convolution = _SameConvolution(ins, outs, kernel, stride, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outs, eps=1e-3), *([nn.ReLU6(inplace=True)] if bounded else []))


class _SameConvolution(nn.Conv2d):
    """A convolution with TensorFlow's padding "same", which depends on the size of what comes in."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (max(kernel - 1 - (size - 1) % stride, 0) for size in x.shape[2:])
        padding = (width // 2, width - width // 2, height // 2, height - height // 2)
        return super().forward(nn.functional.pad(x, padding) if any(padding) else x)

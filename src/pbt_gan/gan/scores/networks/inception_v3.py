"""Inception v3 as the Fréchet Inception Distance knows it: TensorFlow's network of December 2015.

It differs from the one that torchvision has: 1,008 classes, averages that leave the padding out, and a maximum for the
average in the last block.

Source: Szegedy et al. 2015, arXiv:1512.00567; the layers are named as in the published files of its weights
(github.com/mseitzer/pytorch-fid, github.com/toshas/torch-fidelity).
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, cat, nn
from torch.nn.functional import avg_pool2d, max_pool2d

SIZE = 299
"""Height and width in pixels of the images that it was made for."""

FEATURES = 2_048
CLASSES = 1_008


class Layer(NamedTuple):
    """A convolution, its batch norm and ReLU."""

    name: str
    channels: int
    height: int = 1  # of its kernel
    width: int = 1
    stride: int = 1  # with a stride of 2 nothing is padded, else so much that the size stays

    def made(self, ins: int) -> nn.Sequential:
        """Return the layer for images of `ins` channels."""
        padding = (self.height // 2, self.width // 2) if self.stride == 1 else 0
        return _convolution(ins, self.channels, (self.height, self.width), self.stride, padding)


Path = Sequence[Layer | tuple[Layer, Layer]]
"""Layers one after another; two in a pair take the same images, and what they give is joined along channels."""

Pool = Callable[[Tensor], Tensor]

Plan = tuple[Sequence[Path], Pool, int]
"""Of a block: see `Mixed`."""

_average: Pool = partial(avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
_maximum: Pool = partial(max_pool2d, kernel_size=3, stride=1, padding=1)
_halve: Pool = partial(max_pool2d, kernel_size=3, stride=2)


class Mixed(nn.Module):
    """Paths side by side, and a pool with or without a layer behind it, joined along channels.

    Args:
        ins: channels that come in.
        paths: of convolutions.
        pool: what the last path begins with.
        pooled: the layer `branch_pool` behind it, as channels; 0: none.
    """

    def __init__(self, ins: int, paths: Sequence[Path], pool: Pool, pooled: int) -> None:
        super().__init__()
        self._paths, self._pool, self._pooled = paths, pool, pooled
        self.channels = pooled or ins
        for path in paths:
            channels = ins
            for step in path:
                layers = (step,) if isinstance(step, Layer) else step
                for layer in layers:
                    self.add_module(layer.name, layer.made(channels))
                channels = sum(layer.channels for layer in layers)
            self.channels += channels
        if pooled:
            self.branch_pool = Layer("branch_pool", pooled).made(ins)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, self.channels, H', W'] of [N, ins, H, W]."""
        pooled = self._pool(x)
        outs = [self._along(path, x) for path in self._paths]
        return cat([*outs, self.branch_pool(pooled) if self._pooled else pooled], 1)

    def _along(self, path: Path, x: Tensor) -> Tensor:
        for step in path:
            x = self._through(step, x) if isinstance(step, Layer) else cat([self._through(each, x) for each in step], 1)
        return x

    def _through(self, layer: Layer, x: Tensor) -> Tensor:
        y: Tensor = self.get_submodule(layer.name)(x)
        return y


def _fives(pooled: int) -> Plan:
    five = [Layer("branch5x5_1", 48), Layer("branch5x5_2", 64, 5, 5)]
    three = [
        Layer("branch3x3dbl_1", 64),
        Layer("branch3x3dbl_2", 96, 3, 3),
        Layer("branch3x3dbl_3", 96, 3, 3),
    ]
    return [[Layer("branch1x1", 64)], five, three], _average, pooled


def _sevens(narrow: int) -> Plan:
    seven = [
        Layer("branch7x7_1", narrow),
        Layer("branch7x7_2", narrow, 1, 7),
        Layer("branch7x7_3", 192, 7, 1),
    ]
    double = [
        Layer("branch7x7dbl_1", narrow),
        Layer("branch7x7dbl_2", narrow, 7, 1),
        Layer("branch7x7dbl_3", narrow, 1, 7),
        Layer("branch7x7dbl_4", narrow, 7, 1),
        Layer("branch7x7dbl_5", 192, 1, 7),
    ]
    return [[Layer("branch1x1", 192)], seven, double], _average, 192


def _forks(pool: Pool) -> Plan:
    three: Path = [
        Layer("branch3x3_1", 384),
        (Layer("branch3x3_2a", 384, 1, 3), Layer("branch3x3_2b", 384, 3, 1)),
    ]
    double: Path = [
        Layer("branch3x3dbl_1", 448),
        Layer("branch3x3dbl_2", 384, 3, 3),
        (Layer("branch3x3dbl_3a", 384, 1, 3), Layer("branch3x3dbl_3b", 384, 3, 1)),
    ]
    return [[Layer("branch1x1", 320)], three, double], pool, 192


_HALVE_35: Sequence[Path] = [
    [Layer("branch3x3", 384, 3, 3, 2)],
    [Layer("branch3x3dbl_1", 64), Layer("branch3x3dbl_2", 96, 3, 3), Layer("branch3x3dbl_3", 96, 3, 3, 2)],
]

_HALVE_17: Sequence[Path] = [
    [Layer("branch3x3_1", 192), Layer("branch3x3_2", 320, 3, 3, 2)],
    [
        Layer("branch7x7x3_1", 192),
        Layer("branch7x7x3_2", 192, 1, 7),
        Layer("branch7x7x3_3", 192, 7, 1),
        Layer("branch7x7x3_4", 192, 3, 3, 2),
    ],
]

MIXED: Mapping[str, Plan] = {
    "Mixed_5b": _fives(32),
    "Mixed_5c": _fives(64),
    "Mixed_5d": _fives(64),
    "Mixed_6a": (_HALVE_35, _halve, 0),
    "Mixed_6b": _sevens(128),
    "Mixed_6c": _sevens(160),
    "Mixed_6d": _sevens(160),
    "Mixed_6e": _sevens(192),
    "Mixed_7a": (_HALVE_17, _halve, 0),
    "Mixed_7b": _forks(_average),
    "Mixed_7c": _forks(_maximum),
}
"""The blocks behind the first five layers, in their order."""


class InceptionV3(nn.Module):
    """The network: 23,850,960 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _convolution(32, 32, 3)
        self.Conv2d_2b_3x3 = _convolution(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = _convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = _convolution(80, 192, 3)
        channels = 192
        for name, plan in MIXED.items():
            block = Mixed(channels, *plan)
            self.add_module(name, block)
            channels = block.channels
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float32[N, FEATURES], and logits without their bias, float32[N, CLASSES].

        The bias is left out as in the first Inception scores, and in all that want to compare with them.

        Args:
            images: float32[N, 3, SIZE, SIZE], (value - 128) / 128 of values in 0 … 255.
        """
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(_halve(x)))
        x = _halve(x)
        for name in MIXED:
            x = self.get_submodule(name)(x)
        features = x.mean((2, 3))
        return features, features @ self.fc.weight.T


def with_weights(weights: Mapping[str, Tensor]) -> InceptionV3:
    """Return the network with published weights, by their names, ready to look at images."""
    with torch.device("meta"):  # no time and no random numbers for weights that are replaced at once
        net = InceptionV3()
    net.load_state_dict(weights, assign=True)
    return net.eval().requires_grad_(False)


def enlarged(images: Tensor) -> Tensor:
    """Return images as TensorFlow 1 resized them to SIZE: place i of the result is place i · H / SIZE of the image.

    Other libraries take middles of pixels for places, which moves everything by up to half a pixel; published scores
    were measured with this. What lies beyond the last pixel is like it. A larger image is only sampled, not averaged.

    Args:
        images: float32[N, 3, H, W].
    """
    for axis in (3, 2):
        images = _stretched(images, axis)
    return images


def _stretched(images: Tensor, axis: int) -> Tensor:
    size = images.shape[axis]
    places = torch.arange(SIZE, device=images.device) * torch.tensor(size / SIZE, device=images.device)
    below = places.long()
    above = (below + 1).clamp_max(size - 1)
    weight = (places - below).reshape([-1 if each == axis else 1 for each in range(4)])
    low, high = images.index_select(axis, below), images.index_select(axis, above)
    return low + (high - low) * weight


def _convolution(
    ins: int, outs: int, kernel: int | tuple[int, int], stride: int = 1, padding: int | tuple[int, int] = 0
) -> nn.Sequential:
    convolution = nn.Conv2d(ins, outs, kernel, stride, padding, bias=False)
    return nn.Sequential(OrderedDict(conv=convolution, bn=nn.BatchNorm2d(outs, eps=1e-3), relu=nn.ReLU()))

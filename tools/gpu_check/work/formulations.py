"""Ways of computing the convolutions of all members: in groups of channels, as products with patches, one by one."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.limit import DTYPES, precision
from benchmarks.measurement import Measurement, median_of
from benchmarks.timing import Work, in_turn

KERNEL, STRIDE, PADDING = 5, 2, 2
NAME = "a convolution of all members, forward and backward"


class Shape(NamedTuple):
    """A convolution of `seed-dcgan`'s discriminator, which halves the sides."""

    ins: int
    outs: int
    side: int


SHAPES = (Shape(3, 128, 32), Shape(128, 256, 16), Shape(256, 512, 8))
Convolve = Callable[[Tensor, Tensor], Tensor]
"""Of x [P, B, C, H, W] and W [P, O, C, k, k] makes [P, B, O, H/2, W/2]."""


def in_channels(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve in groups of channels, one for each member."""
    return _grouped(x, weight, torch.contiguous_format)


def channels_last(x: Tensor, weight: Tensor) -> Tensor:
    """Do so with the channels of a pixel side by side."""
    return _grouped(x, weight, torch.channels_last)


def patches(x: Tensor, weight: Tensor) -> Tensor:
    """Multiply patches."""
    members, batch, side = len(x), x.shape[1], x.shape[-1] // STRIDE
    columns = F.unfold(x.flatten(0, 1), KERNEL, padding=PADDING, stride=STRIDE)
    columns = columns.view(members, batch, -1, side**2).transpose(1, 2).flatten(2)
    y = torch.bmm(weight.flatten(2), columns)
    return y.view(members, -1, batch, side, side).transpose(1, 2)


def one_by_one(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve member after member."""
    return torch.stack([_plain(*member) for member in zip(x, weight, strict=True)])


def on_streams(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve member after member, on four streams; their backward passes run there too."""
    if not x.is_cuda:
        return one_by_one(x, weight)
    now = torch.cuda.current_stream()
    made = []
    for number, member in enumerate(zip(x, weight, strict=True)):
        stream = _STREAMS.setdefault(number % 4, torch.cuda.Stream())  # type: ignore[no-untyped-call]
        stream.wait_stream(now)
        with torch.cuda.stream(stream):
            made.append(_plain(*member))
    for stream in _STREAMS.values():
        now.wait_stream(stream)
    return torch.stack(made)


_STREAMS: dict[int, torch.cuda.Stream] = {}
WAYS: Mapping[str, Convolve] = {
    "in channels": in_channels,
    "in channels, channels last": channels_last,
    "patches": patches,
    "one by one": one_by_one,
    "on streams": on_streams,
}


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Measure every way at every shape and dtype, with the kernels that cuDNN guesses and those that it has timed."""
    members, batch = (2, 4) if tiny else (20, 64)
    for shape in (Shape(2, 4, 8),) if tiny else SHAPES:
        for dtype in DTYPES[device][-2:]:
            kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
            x = torch.randn(members, batch, shape.ins, shape.side, shape.side, device=device, dtype=kind)
            weight = torch.randn(members, shape.outs, shape.ins, KERNEL, KERNEL, device=device, dtype=kind) / 10
            for timed in (False,) if device == "cpu" else (False, True):
                works = {name: working(way, x, weight, dtype, timed) for name, way in WAYS.items()}
                for name, timing in in_turn(works, device, 0.5 if tiny else 2.0).items():
                    setting = {"way": name, "shape": "{}→{} at {}".format(*shape), "members": members, "dtype": dtype}
                    setting |= {"kernels": "timed" if timed else "guessed", "device": device}
                    yield median_of(NAME, [1_000 * step_s for step_s in timing.rounds], "ms", setting)


def working(way: Convolve, x: Tensor, weight: Tensor, dtype: str, timed: bool) -> Work:
    """Return the work of one way."""
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()

    def work(times: int) -> None:
        torch.backends.cudnn.benchmark = timed
        with precision(dtype):
            for _ in range(times):
                torch.autograd.grad(way(x, weight).square().sum(), (x, weight))

    return work


def _plain(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, stride=STRIDE, padding=PADDING)


def _grouped(x: Tensor, weight: Tensor, layout: torch.memory_format) -> Tensor:
    members = len(x)
    images = x.transpose(0, 1).flatten(1, 2).contiguous(memory_format=layout)
    kernels = weight.flatten(0, 1).contiguous(memory_format=layout)
    y = F.conv2d(images, kernels, stride=STRIDE, padding=PADDING, groups=members)
    return y.view(y.shape[0], members, -1, *y.shape[2:]).transpose(0, 1)

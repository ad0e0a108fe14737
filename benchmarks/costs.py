"""What an operation costs a GPU in eager mode, by the shapes of what it takes and makes: kernels, bytes and FLOPs.

A model and no measurement. An operation reads all that it is given from the GPU's memory and writes all that it makes.
What a cache saves is not known to it, nor what a library does besides, so bytes are those that the program asks for.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves

from benchmarks.flops import FLOPS

aten = torch.ops.aten

UNCOUNTED = {aten._unsafe_view, aten.lift_fresh, aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty,
             aten.new_empty_strided, aten.resize_, aten.is_pinned, aten._local_scalar_dense}  # fmt: skip
"""Operations that start nothing, though their schema does not say that they only look at a tensor anew."""

OVERWRITING = {aten.copy_, aten.fill_, aten.zero_, aten.normal_, aten.uniform_, aten.bernoulli_, aten.random_}
"""Operations that change a tensor in place and do not read it."""

TWICE = {aten.native_batch_norm, aten.native_batch_norm_backward, aten._native_batch_norm_legit, aten.native_group_norm,
         aten.native_group_norm_backward, aten.native_layer_norm_backward, aten.var_mean,
         aten._softmax_backward_data}  # fmt: skip
"""Operations that read their inputs for statistics, and again to make something of them, in a kernel each."""


@dataclass(frozen=True)
class Cost:
    """What operations cost."""

    launches: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    flops: int = 0

    @property
    def moved_bytes(self) -> int:
        """Bytes that are read or written."""
        return self.read_bytes + self.written_bytes

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.launches + other.launches,
            self.read_bytes + other.read_bytes,
            self.written_bytes + other.written_bytes,
            self.flops + other.flops,
        )

    def __mul__(self, times: int) -> "Cost":
        return Cost(times * self.launches, times * self.read_bytes, times * self.written_bytes, times * self.flops)


@dataclass(frozen=True)
class Chip:
    """What a GPU can do at most, by its maker's data sheet."""

    name: str
    bytes_per_s: float
    flops_per_s: Mapping[torch.dtype, float]  # of products, by what their operands are

    def least_s(self, cost: Cost, dtype: torch.dtype) -> float:
        """Return the seconds below which no operation can stay: to move its bytes, or to multiply."""
        return max(cost.moved_bytes / self.bytes_per_s, cost.flops / self.flops_per_s.get(dtype, math.inf))


H200 = Chip("H200", 4.8e12, {torch.float64: 67e12, torch.float32: 67e12, torch.bfloat16: 990e12})
H200_TF32 = Chip("H200", 4.8e12, {**H200.flops_per_s, torch.float32: 495e12})  # its products of float32 round to TF32


def cost_of(func: OpOverload, args: Any, kwargs: Mapping[str, Any], made: Any) -> Cost:
    """Return what an operation costs that was given these arguments and has made this."""
    packet = func.overloadpacket
    if packet in UNCOUNTED or _looks_only(func):
        return Cost()
    changed = list(_changed(func, args, kwargs))
    own = {id(tensor) for tensor in changed}
    new = [tensor for tensor in _tensors(made) if id(tensor) not in own]
    skipped = own if packet in OVERWRITING or _gives_out(func) else set()
    read = sum(size(tensor) for tensor in _once((args, kwargs)) if id(tensor) not in skipped)
    written = sum(size(tensor) for tensor in [*changed, *new])
    count = FLOPS.get(packet)
    flops = int(count(*args, **kwargs, out_val=made)) if count else 0
    if packet is aten.convolution:
        return _convolution(args, made, Cost(1, read, written, flops))
    if packet is aten.convolution_backward:
        return _convolution_backward(args, made, flops)
    passes = 2 if packet in TWICE and not _is_given_statistics(packet, args) else 1
    return Cost(passes, passes * read, written, flops)


def size(tensor: Tensor) -> int:
    """Return the bytes that a tensor lies on; numbers that it repeats count once."""
    return tensor.element_size() * math.prod(
        length for length, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride or not length
    )


def _is_given_statistics(packet: Any, args: Any) -> bool:
    """Return whether a batch norm is told by what to normalise."""
    return packet is aten.native_batch_norm and not args[5]


def _convolution(args: Any, made: Tensor, cost: Cost) -> Cost:
    """Return what a convolution costs: cuDNN's has no bias, which is added by a kernel of its own."""
    return cost if args[2] is None else cost + Cost(1, size(made), size(made))


def _convolution_backward(args: Any, made: Any, flops: int) -> Cost:
    """Return what its gradients cost, each a kernel: of the image, of the weight and of the bias."""
    gradient, x, weight = args[:3]
    total = Cost(flops=flops)
    for wanted, takes, makes in zip(args[-1], ((gradient, weight), (gradient, x), (gradient,)), made, strict=True):
        if wanted:
            total += Cost(1, sum(size(each) for each in takes), size(makes))
    return total


@cache
def _looks_only(func: OpOverload) -> bool:
    """Return whether an operation makes views and nothing else."""
    returns = func._schema.returns
    return bool(returns) and all(each.alias_info is not None and not each.alias_info.is_write for each in returns)


@cache
def _gives_out(func: OpOverload) -> bool:
    return any(argument.is_out for argument in func._schema.arguments)


def _changed(func: OpOverload, args: Any, kwargs: Mapping[str, Any]) -> Iterator[Tensor]:
    """Yield the tensors that an operation changes in place."""
    for place, name in _written_to(func):
        yield from _tensors(args[place] if place < len(args) else kwargs.get(name))


@cache
def _written_to(func: OpOverload) -> list[tuple[int, str]]:
    arguments = enumerate(func._schema.arguments)
    return [(place, each.name) for place, each in arguments if each.alias_info is not None and each.alias_info.is_write]


def _tensors(tree: Any) -> Iterator[Tensor]:
    yield from (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _once(tree: Any) -> Iterator[Tensor]:
    yield from {id(tensor): tensor for tensor in _tensors(tree)}.values()

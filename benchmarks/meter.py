"""What a GPU was asked to do, added up."""

import traceback
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch._ops import OpOverload

from benchmarks.costs import Chip, Cost

T = TypeVar("T")

CONVOLUTIONS = {"aten.convolution", "aten.convolution_backward"}

Place = str
"""A file of the program, such as "training/loop.py"."""


class Call(NamedTuple):
    """An operation, by what matters of it."""

    name: str
    dtype: torch.dtype  # of the first tensor that it is given
    cost: Cost


@dataclass
class Meter:
    """What a GPU was asked to do."""

    calls: Counter[Call] = field(default_factory=Counter)  # operations that start a kernel
    waits: Counter[Place] = field(default_factory=Counter)  # where the host waits for the GPU
    sent_bytes: int = 0  # to the GPU
    fetched_bytes: int = 0  # from it
    waits_beside: Counter[Place] = field(default_factory=Counter)  # where other threads wait for it
    replays: int = 0  # of CUDA graphs, each of which is one launch for the host; their kernels are among the calls
    thread: int = field(default_factory=get_ident)  # of the host that gives the GPU its work

    @property
    def total(self) -> Cost:
        """What all of it costs."""
        return sum((call.cost * times for call, times in self.calls.items()), Cost())

    @property
    def convolutions(self) -> int:
        """Calls of convolutions and of their gradients."""
        return sum(times for call, times in self.calls.items() if call.name in CONVOLUTIONS)

    @property
    def by_operation(self) -> Mapping[str, Cost]:
        """What operations cost, by name, the dearest first."""
        found: dict[str, Cost] = defaultdict(Cost)
        for call, times in self.calls.items():
            found[call.name] += call.cost * times
        return dict(sorted(found.items(), key=lambda each: -each[1].moved_bytes))

    def least_s(self, chip: Chip) -> float:
        """Return the seconds that a chip needs at least, one operation after another."""
        return sum(times * chip.least_s(call.cost, call.dtype) for call, times in self.calls.items())

    def copy(self) -> "Meter":
        """Return what was asked up to now."""
        return self - Meter()

    def __sub__(self, other: "Meter") -> "Meter":
        """Return what was asked beyond the other."""
        return Meter(
            _less(self.calls, other.calls),
            _less(self.waits, other.waits),
            self.sent_bytes - other.sent_bytes,
            self.fetched_bytes - other.fetched_bytes,
            _less(self.waits_beside, other.waits_beside),
            self.replays - other.replays,
        )

    def note(self, func: OpOverload, given: Sequence[Tensor], cost: Cost) -> None:
        """Take in what an operation costs."""
        if cost.launches:
            dtype = given[0].dtype if given else torch.float32
            self.calls[Call(str(func.overloadpacket), dtype, cost)] += 1

    def wait(self) -> None:
        """Take in that the host waits, here."""
        waits = self.waits if get_ident() == self.thread else self.waits_beside
        waits[place()] += 1


def _less(counts: Counter[T], others: Counter[T]) -> Counter[T]:
    """Return the difference of counts; where it is negative too."""
    left = counts.copy()
    left.subtract(others)
    return Counter({each: count for each, count in left.items() if count})


def place() -> Place:
    """Return the file of the program that is being run."""
    for frame, _ in traceback.walk_stack(None):
        path = Path(frame.f_code.co_filename)
        if "pbt_gan" in path.parts or "tests" in path.parts:
            return f"{path.parent.name}/{path.name}"
    return "elsewhere"

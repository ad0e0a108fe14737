"""An order whose steps are replayed as CUDA graphs where the device waits, and one without: time and bits."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.cases import make_ready
from benchmarks.limit import precision
from benchmarks.measurement import Measurement, median_of
from benchmarks.timing import Work, in_turn
from pbt_gan import codec
from pbt_gan.core.rng import stream
from pbt_gan.gan.training import loop
from pbt_gan.gan.training.stacking import leaves
from pbt_gan.interfaces import Tree

CASES = (("digits", 1), ("digits", 8), ("digits", 64), ("seed-dcgan", 1), ("seed-dcgan", 20))
DTYPE = "tf32"
STEPS = 100


class Order:
    """The same order again and again.

    Args:
        case: its name.
        members: how many train.
        device: where.
        replayed: whether steps may be.
    """

    def __init__(self, case: str, members: int, device: str, *, replayed: bool) -> None:
        with tempfile.TemporaryDirectory() as folder:
            if replayed:
                ready = make_ready(case, DTYPE, device, Path(folder))
            else:
                with patch.object(loop, "recorder_of", return_value=None):
                    ready = make_ready(case, DTYPE, device, Path(folder))
        self._trainer = ready.trainer
        self._members = members
        self._born = self._trainer.init(stream(0, "init"))

    def train(self, steps: int) -> None:
        """Carry it out."""
        self.trained(steps)

    def trained(self, steps: int) -> list[Tree]:
        """Return what members become that begin anew."""
        states = [codec.clone(self._born) for _ in range(self._members)]
        streams = [partial(stream, 0, "train", member) for member in range(self._members)]
        trainings = self._trainer.train_group(states, [{}] * self._members, steps, streams)
        return [training.state for training in trainings]


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Time both, and compare what comes of them: to the bit where a device adds up in the same order every time."""
    for case, members in (("digits", 2),) if tiny else CASES:
        steps = 2 if tiny else STEPS
        orders = {replayed: Order(case, members, device, replayed=replayed) for replayed in (True, False)}
        works: dict[bool, Work] = {replayed: order.train for replayed, order in orders.items()}
        with precision(DTYPE):
            timings = in_turn(works, device, 0.5 if tiny else 4.0, dict.fromkeys(works, steps))
            ends = [leaves(orders[way].trained(steps)[0]) for way in (True, False, False)]
        setting = {"case": case, "members": members, "dtype": DTYPE, "device": device}
        for replayed, timing in timings.items():
            way = "may be replayed" if replayed else "single kernels"
            times_ms = [1_000 * step_s for step_s in timing.rounds]
            yield median_of("a step of an order", times_ms, "ms", {**setting, "way": way})
        first, second, again = ends
        yield Measurement("replayed, other bits than by single kernels", differing(first, second), "", None, setting)
        yield Measurement("single kernels, other bits the next time", differing(second, again), "", None, setting)


def differing(some: list[torch.Tensor], others: list[torch.Tensor]) -> int:
    """Return in how many tensors two states differ."""
    return sum(not torch.equal(one, other) for one, other in zip(some, others, strict=True))

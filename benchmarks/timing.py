"""Ways of doing the same work, timed in turn: what else the machine does hits all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch

Work = Callable[[int], None]
"""Takes so many steps."""

ROUNDS = 5

LONG_S = 1.0
"""What takes longer is not slowed much by being the first."""

K = TypeVar("K")


@dataclass(frozen=True)
class Timing:
    """Seconds a step, one a round."""

    rounds: list[float]

    @property
    def median_s(self) -> float:
        """The value that is reported."""
        return statistics.median(self.rounds)

    def over(self, other: "Timing") -> list[float]:
        """Return how much longer the other took, in each round."""
        return [theirs / ours for ours, theirs in zip(self.rounds, other.rounds, strict=True)]


def in_turn(
    works: Mapping[K, Work], device: str, budget_s: float, least: Mapping[K, int] | None = None
) -> Mapping[K, Timing]:
    """Time each kind of work in rounds, alternating; fewer rounds, then fewer steps, where one costs much.

    Args:
        works: by any key. They are warmed up first.
        device: "cpu" or "cuda".
        budget_s: for all of them together, warming up not counted.
        least: steps that some kinds of work must be asked for at a time to be themselves.
    """
    once_s = {}
    few = {key: (least or {}).get(key, 1) for key in works}
    for key, work in works.items():
        once_s[key] = seconds(work, few[key], device)
        if once_s[key] < LONG_S or device != "cpu":  # of a GPU the first time says little: kernels are compiled
            once_s[key] = seconds(work, few[key], device)
    rounds = max(1, min(ROUNDS, int(budget_s / sum(once_s.values()))))
    share_s = budget_s / rounds / len(works)
    steps = {key: few[key] * max(1, int(share_s / once_s[key])) for key in works}
    timed: dict[K, list[float]] = {key: [] for key in works}
    for _ in range(rounds):
        for key, work in works.items():
            timed[key].append(seconds(work, steps[key], device) / steps[key])
    return {key: Timing(values) for key, values in timed.items()}


def seconds(work: Work, steps: int, device: str) -> float:
    """Return the seconds that some steps take, until the device has done them."""
    wait(device)
    began = time.perf_counter()
    work(steps)
    wait(device)
    return time.perf_counter() - began


def wait(device: str) -> None:
    """Wait until a device has done all that it was given."""
    if device != "cpu":
        torch.cuda.synchronize(device)

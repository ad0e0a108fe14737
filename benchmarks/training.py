"""A real run on `digits`: member steps a second with one worker and two, and what PBT adds to the training."""

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from benchmarks.measurement import Measurement
from pbt_gan.config.objects import build_executor
from pbt_gan.config.source import read_config
from pbt_gan.core.population import Failed, Order, Report
from pbt_gan.interfaces import Executor
from pbt_gan.reporting import default_listeners
from pbt_gan.runs import launch

MEMBERS = 8
STEPS = 300
READY_INTERVAL = 100


@dataclass
class Clock:
    """An executor that notes when the first training began and when the last report came; the rest is another's.

    Workers start up before that; `command to first training step` times it.
    """

    executor: Executor
    began_s: float = math.inf
    ended_s: float = 0.0
    steps: int = 0
    cost_s: float = 0.0
    orders: dict[tuple[int, int], int] = field(default_factory=dict)

    def submit(self, orders: Sequence[Order]) -> None:
        """Give orders."""
        self.orders |= {(order.member, order.interval): order.steps for order in orders}
        self.executor.submit(orders)

    def next_reports(self, timeout_s: float) -> list[Report | Failed]:
        """Pass answers on."""
        answers = self.executor.next_reports(timeout_s)
        for answer in answers:
            if isinstance(answer, Report):
                self.ended_s = time.perf_counter()
                self.began_s = min(self.began_s, self.ended_s - answer.cost_s)
                self.cost_s += answer.cost_s
                self.steps += self.orders[answer.member, answer.interval]
        return answers

    def __getattr__(self, name: str) -> object:
        return getattr(self.executor, name)

    @property
    def window_s(self) -> float:
        """Seconds between the beginning of the first training and the last report."""
        return self.ended_s - self.began_s


def main() -> Iterator[Measurement]:
    """Run with one worker and with two."""
    clocks = {workers: run(workers) for workers in (1, 2)}
    rates = {workers: clock.steps / clock.window_s for workers, clock in clocks.items()}
    for workers, rate in rates.items():
        yield Measurement(f"member steps per second on digits, {workers} worker(s)", rate, "1/s")
    yield Measurement("speed-up with two workers", rates[2] / rates[1], "", ">= 1.8")
    for workers, clock in clocks.items():
        share = 1 - clock.cost_s / (workers * clock.window_s)
        target = "<= 3" if workers == 1 else None  # with two, waiting for each other at ready points is in it
        yield Measurement(f"neither training nor scoring, {workers} worker(s)", 100 * share, "%", target)


def run(workers: int) -> Clock:
    """Run as the command line does, with everything that it writes."""
    config = read_config(
        "digits",
        [
            {
                "pbt": {
                    "population_size": MEMBERS,
                    "total_steps": STEPS,
                    "ready_interval": READY_INTERVAL,
                    "score_interval": None,
                },
                "executor": {"name": "processes", "workers": workers},
                "checkpoints": {"every_s": 1.0},
            }
        ],
    )
    clocks: list[Clock] = []

    def clocked(*args: Any) -> Clock:
        clocks.append(Clock(build_executor(*args)))
        return clocks[0]

    with tempfile.TemporaryDirectory() as name, patch.object(launch, "build_executor", clocked):
        quiet = Console(quiet=True)
        launch.start(launch.Project(config), Path(name) / "run", listeners=lambda f: default_listeners(f, quiet))
    return clocks[0]

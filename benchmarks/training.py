"""A real run on `digits`: member steps a second with one worker and two, and what PBT adds to the training."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from benchmarks.measurement import Measurement
from pbt_gan.config.objects import build_executor
from pbt_gan.config.source import read_config
from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Report
from pbt_gan.interfaces import Executor
from pbt_gan.reporting import default_listeners
from pbt_gan.runs import launch, project

MEMBERS = 8
STEPS = 300
READY_INTERVAL = 100


@dataclass
class Clock:
    """An executor that notes when reports come; the rest is another's.

    Workers start up before the first training begins; `command to first training step` times it.
    """

    executor: Executor
    steps: int = 0  # of one order
    reports: list[tuple[float, Report]] = field(default_factory=list)  # each with the moment of its arrival

    def submit(self, orders: Sequence[Order]) -> None:
        """Give orders."""
        self.steps = max([self.steps, *(order.steps for order in orders)])
        self.executor.submit(orders)

    def next_reports(self, timeout_s: float) -> list[Answer]:
        """Pass answers on."""
        answers = self.executor.next_reports(timeout_s)
        now_s = time.perf_counter()
        self.reports += [(now_s, answer) for answer in answers if isinstance(answer, Report)]
        return answers

    def __getattr__(self, name: str) -> object:
        return getattr(self.executor, name)

    @property
    def window_s(self) -> float:
        """Seconds between the beginning of the first training and the last report."""
        firsts: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        for now_s, report in self.reports:
            if report.interval == 1:
                firsts[report.worker].append((now_s, report.cost_s))
        began_s = [max(now_s for now_s, _ in first) - sum(cost_s for _, cost_s in first) for first in firsts.values()]
        return self.reports[-1][0] - min(began_s)

    @property
    def cost_s(self) -> float:
        """Seconds of training and scoring, of all workers together."""
        return sum(report.cost_s for _, report in self.reports)


def main() -> Iterator[Measurement]:
    """Run with one worker and with two."""
    clocks = {workers: run(workers) for workers in (1, 2)}
    rates = {workers: clock.steps * len(clock.reports) / clock.window_s for workers, clock in clocks.items()}
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
                    "population": [[0, MEMBERS]],  # as many to the end, who copy from the start
                    "selection": None,
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

    with tempfile.TemporaryDirectory() as name, patch.object(project, "build_executor", clocked):
        quiet = Console(quiet=True)
        launch.start(project.Project(config), Path(name) / "run", listeners=lambda f: default_listeners(f, quiet))
    return clocks[0]

"""How much of their time workers wait whose speeds differ by four, in both modes: simulated, and in real processes."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing

from numpy.random import Generator

from benchmarks.measurement import Measurement
from pbt_gan.core.controller import Controller
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.plan import Comparison, Mode, Plan
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.space import Domain, Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.engine import Engine
from pbt_gan.executors.processes import ProcessesExecutor
from pbt_gan.executors.simulated import SimulatedExecutor
from pbt_gan.interfaces import Executor, RunContext, Streams, Task, TaskReference, Training, Tree, Usage

WAYS: tuple[tuple[Mode, Comparison], ...] = (("sync", "latest"), ("async", "latest"), ("async", "fair"))
SPEEDS = (1.0, 2.0, 3.0, 4.0)
"""Of four workers."""
STEP_S = 1.0
"""What a step takes the fastest of the real ones."""


class Paced(Task):
    """Sleeps for each step as long as its worker is slow: the last of so many is four times as fast as the first.

    Args:
        workers: how many there are.
        step_s: what a step takes the fastest of them.
    """

    def __init__(self, workers: int, step_s: float) -> None:
        place = int(sys.argv[1].rpartition("-")[2]) if sys.argv[1:] and sys.argv[1].startswith("worker-") else 0
        speed = 1 + 3 * place / (workers - 1)
        self._pause_s = step_s * 4 / speed

    @property
    def space(self) -> Mapping[str, Domain]:
        """Something to evolve."""
        return {"rate": Float(Range(0.1, 1.0), (0.01, 10.0), "log")}

    def init(self, rng: Generator) -> Tree:
        """Return a number."""
        return {"value": float(rng.normal())}

    def train(self, state: Tree, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Sleep."""
        time.sleep(self._pause_s * steps)
        return Training({"value": state["value"] + float(hyperparams["rate"]) * steps}, hyperparams)

    def score(self, state: Tree, rng: Generator) -> Mapping[str, float]:
        """Return the number."""
        return {"score": state["value"]}


def main() -> Iterator[Measurement]:
    """Measure four workers, with as many members and with more."""
    for members in (4, 6):
        for mode, comparison in WAYS:
            target = "<= 0.02" if mode == "async" else None
            how = {"mode": mode, "comparison": comparison, "members": members, "workers": len(SPEEDS)}
            used = simulated(plan(mode, comparison, members))
            yield Measurement("waiting share of workers, simulated", used.waiting, "", target, how)
            used = real(plan(mode, comparison, members, 8), len(SPEEDS), STEP_S)
            yield Measurement("waiting share of workers, processes", used.waiting, "", target, how)


def plan(mode: Mode, comparison: Comparison, members: int, ready_points: int = 50) -> Plan:
    """Return a plan of so many ready points, one step apart."""
    return Plan(
        space=Paced(2, 0.0).space, population_size=members, total_steps=ready_points, ready_interval=1,
        score_interval=1, seed=0, mode=mode, comparison=comparison,
        strategy=Strategy(Rule("truncation", EXPLOIT["truncation"])),
    )  # fmt: skip


def simulated(run_plan: Plan) -> Usage:
    """Run a plan on simulated workers of `SPEEDS`."""
    executor = SimulatedExecutor(
        Paced(2, 0.0), seed=0, slots=len(SPEEDS), duration=lambda order, slot: order.steps / SPEEDS[slot]
    )
    return used(run_plan, executor)


def real(run_plan: Plan, workers: int, step_s: float) -> Usage:
    """Run a plan in worker processes."""
    task = TaskReference("benchmarks.waiting:Paced", {"workers": workers, "step_s": step_s}, run_plan.total_steps)
    return used(run_plan, ProcessesExecutor(task, seed=0, workers=workers))


def used(run_plan: Plan, executor: Executor) -> Usage:
    """Run a plan to its end; return how the workers were used."""
    context = RunContext(folder=None, config={}, cards={}, records=(), reals=None, total_orders=0)
    with closing(executor):
        Engine(Controller(run_plan), executor).run(State(), context)
        return executor.usage()

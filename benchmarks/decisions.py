"""Decisions a second in a population of 10,000: reports told, members ranked, decided and moved."""

import time
from collections.abc import Iterator, Sequence

from benchmarks.measurement import Measurement
from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Comparison, Mode, Plan
from pbt_gan.core.population import Order
from pbt_gan.core.records import Exploit, Report
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State

MEMBERS = 10_000
DECISIONS = 2_000  # timed, where members are decided one at a time


def main() -> Iterator[Measurement]:
    """Measure both modes: synchronous PBT decides for all in one go, asynchronous PBT for one at a time."""
    for mode in ("sync", "async"):
        yield Measurement(f"decisions at {MEMBERS} members, {mode}", rate(mode), "1/s", ">= 1000")
    yield Measurement(f"decisions at {MEMBERS} members, async and fair", rate("async", "fair"), "1/s", ">= 1000")


def rate(mode: Mode, comparison: Comparison = "latest") -> float:
    """Return exploit decisions a second, every member having been ranked once before."""
    controller = Controller(
        Plan(
            space={"lr": Float(init=Range(1e-4, 1e-2), bounds=(1e-6, 1e-1), scale="log")},
            population_size=MEMBERS,
            total_steps=300,
            ready_interval=100,
            score_interval=100,
            seed=0,
            mode=mode,
            comparison=comparison,
        )
    )
    first, second = stream(0, "scores").random((2, MEMBERS))
    state, _ = controller.start(State())
    state, orders = controller.ask(state, MEMBERS)
    reports = [report(order, float(score)) for order, score in zip(orders, first, strict=True)]
    state, _ = tell(controller, state, reports)
    state, orders = controller.ask(state, MEMBERS)
    reports = [report(order, float(score)) for order, score in zip(orders, second, strict=True)]
    began = time.perf_counter()
    _, decided = tell(controller, state, reports if mode == "sync" else reports[:DECISIONS])
    return decided / (time.perf_counter() - began)


def tell(controller: Controller, state: State, reports: Sequence[Report]) -> tuple[State, int]:
    """Tell reports one after another; return the state and how many decisions they led to."""
    decided = 0
    for answer in reports:
        state, records = controller.tell(state, [answer])
        decided += sum(isinstance(record, Exploit) for record in records)
    return state, decided


def report(order: Order, score: float) -> Report:
    """Answer an order as if it had been carried out."""
    return Report.of(order, score=score, hyperparams=order.hyperparams, worker="none")

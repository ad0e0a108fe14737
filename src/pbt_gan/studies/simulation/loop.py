"""One simulated run: the real controller, driven as the engine drives it, on a clock that is only counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import WHOLE, Order
from pbt_gan.core.records import Answer, Measurement, Record, Report
from pbt_gan.core.rng import stream
from pbt_gan.core.state import State
from pbt_gan.errors import PbtGanError, TaskError, one_line, place
from pbt_gan.studies.simulation.landscape import Landscape, Measured

HELD_OUT = "held_out_score"


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulated run did."""

    journal: tuple[Record, ...]
    values: Mapping[str, float]  # what the score of each checkpoint was a measurement of


def simulated(plan: Plan, landscape: Landscape[Any], slots: int) -> Simulated:
    """Return a whole run; a pure function of the plan and the landscape.

    Every slot is as fast as any other: an order takes as long as its steps. Synchronous runs decide the same with any
    number of slots, fastest with one for each member.

    Args:
        plan: what to do.
        landscape: what answers.
        slots: how many members train side by side.

    Raises:
        TaskError: a rule raised or returned nonsense, or a state is to be put together from several.
    """
    try:
        return _driven(plan, landscape, slots)
    except PbtGanError:
        raise
    except Exception as error:
        raise TaskError(f"A rule raised {one_line(error)}. Mend it at {place(error)}.") from error


def _driven(plan: Plan, landscape: Landscape[Any], slots: int) -> Simulated:
    controller = Controller(plan)
    states: dict[str, Any] = {}
    values: dict[str, float] = {}
    under_way: list[tuple[int, int, Order]] = []  # (when it is answered, how many were given before it, order)
    now, given = 0, 0
    state, records = controller.start(State())
    journal = [*records]
    while not controller.done(state):
        state, orders = controller.ask(state, slots - len(under_way))
        for order in orders:
            heappush(under_way, (now + order.steps, given, order))
            given += 1
        now = under_way[0][0]
        answers: list[Answer] = []
        while under_way and under_way[0][0] == now:
            order = heappop(under_way)[2]
            rng = stream(plan.seed, "simulated", *order.slot, order.repeat)
            if not order.repeat:
                began = states[_source(order)] if order.sources else landscape.begin(rng)
                states[order.checkpoint] = landscape.trained(began, order.hyperparams, order.steps, rng)
            found = landscape.measured(states[order.checkpoint], rng)
            values[order.checkpoint] = found.value
            answers.append(_answer(order, found))
        state, records = controller.tell(state, answers)
        journal += records
    return Simulated(tuple(journal), values)


def _source(order: Order) -> str:
    """Return the checkpoint that an order begins with."""
    if order.sources.keys() != {WHOLE}:
        raise TaskError(
            f"Member {order.member} is to be put together from components of several members; a simulated state has "
            "none. Compare such a rule with `pbt-gan experiment`."
        )
    return order.sources[WHOLE]


def _answer(order: Order, found: Measured) -> Answer:
    metrics = {HELD_OUT: found.held_out}
    if order.repeat:
        again = (order.member, order.interval, order.repeat, found.score, metrics, found.error)
        return Measurement(*again, attempt=order.attempt)
    return Report.of(
        order,
        score=found.score,
        metrics=metrics,
        hyperparams=order.hyperparams,
        score_error=found.error,
        worker="simulated",
    )

"""Runs of a controller without an executor, for tests of what it decides."""

from collections.abc import Callable

from pbt_gan.core.controller import Controller
from pbt_gan.core.population import Order
from pbt_gan.core.records import Record, Report, from_json, to_json
from pbt_gan.core.rng import stream
from pbt_gan.core.state import State

Scores = Callable[[Order], float]


def chance(order: Order) -> float:
    """Return a score that says nothing, the same whenever it is asked for."""
    return float(stream(7, order.member, order.interval).normal())


def train(controller: Controller, slots: int = 3, score: Scores | None = None) -> tuple[State, list[Record]]:
    """Run to the end; the youngest order is answered first, and every record goes through JSON."""
    return train_on(controller, State(), score, slots)


def train_on(
    controller: Controller, state: State, score: Scores | None = None, slots: int = 3
) -> tuple[State, list[Record]]:
    """Run likewise from a state."""
    state, records = controller.start(state)
    under_way: list[Order] = []
    while not controller.done(state):
        state, orders = controller.ask(state, slots - len(under_way))
        under_way += orders
        order = under_way.pop()
        answer = Report.of(order, score=(score or chance)(order), hyperparams=order.hyperparams, worker="test")
        state, news = controller.tell(state, [answer])
        records += news
    return state, [from_json(to_json(record)) for record in records]

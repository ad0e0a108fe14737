"""What a controller knows does not grow with the run, as long as nobody looks back."""

import pytest

from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Plan
from pbt_gan.core.records import Report
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLOIT, EXPLORE
from tests.core.running import chance

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}


def plan(**changes) -> Plan:
    lengths = {"population_size": 6, "total_steps": 4_000, "ready_interval": 10, "score_interval": 5, "seed": 0}
    return Plan(space=SPACE, **{**lengths, **changes})


def sizes(controller: Controller, points: int, after: tuple[int, ...]) -> list[int]:
    """Return how long the state is, written out, after some ready points."""
    state, _ = controller.start(State())
    found = []
    for point in range(points):
        while state.reports < 2 * 6 * (point + 1):
            state, orders = controller.ask(state, 6)
            answers = [Report.of(o, score=chance(o), hyperparams=o.hyperparams, worker="test") for o in orders]
            state, _ = controller.tell(state, answers)
        if point + 1 in after:
            found.append(len(repr(state)) + sum(len(repr(stretch)) for stretch in state.past))
    return found


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_it_knows_no_more_after_many_ready_points_than_after_a_few(mode):
    early, late = sizes(Controller(plan(mode=mode)), 300, (50, 300))
    assert late < 1.1 * early


def mine(member, view, rng):
    return None


@pytest.mark.parametrize(
    ("strategy", "looks_back"),
    [
        (Strategy(), False),
        (Strategy(exploit=Rule("mine", mine)), True),
        (Strategy(explore=Rule("pb2", EXPLORE["pb2"])), True),
        (Strategy(Rule("t_test", EXPLOIT["t_test"]), Rule("resample", EXPLORE["resample"])), False),
    ],
)
def test_the_past_is_kept_where_somebody_may_look_at_it(strategy, looks_back):
    controller = Controller(plan(strategy=strategy, total_steps=20))
    state, _ = controller.start(State())
    state, orders = controller.ask(state, 6)
    state, _ = controller.tell(
        state, [Report.of(o, score=0.0, hyperparams=o.hyperparams, worker="test") for o in orders]
    )
    assert len(state.past) == len(state.view.stretches) == (6 if looks_back else 0)


@pytest.mark.parametrize("name", sorted(EXPLORE))
def test_a_rule_that_looks_back_says_so(name, monkeypatch):
    asked = []

    def stretches(view):
        asked.append(view)
        return ()

    monkeypatch.setattr("pbt_gan.core.population.PopulationView.stretches", property(stretches))
    controller = Controller(plan(strategy=Strategy(explore=Rule(name, EXPLORE[name])), total_steps=160))
    state, _ = controller.start(State())
    while not controller.done(state):
        state, orders = controller.ask(state, 6)
        answers = [Report.of(o, score=chance(o), hyperparams=o.hyperparams, worker="test") for o in orders]
        state, _ = controller.tell(state, answers)
    assert controller.policy.looks_back or not asked

"""The fast path drives the controller as the engine does."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from pbt_gan.config.objects import build_plan
from pbt_gan.config.settings import Config
from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Plan
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.records import Exploit, Report, timeless
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.engine import Engine
from pbt_gan.errors import TaskError
from pbt_gan.executors.simulated import SimulatedExecutor
from pbt_gan.interfaces import RunContext
from pbt_gan.studies.simulation.landscape import Measured
from pbt_gan.studies.simulation.loop import simulated
from pbt_gan.studies.simulation.quadratic import Drifting, Toy
from pbt_gan.toy.quadratic import Quadratic
from pbt_gan.validation import validated


@dataclass(frozen=True, slots=True)
class StepByStep:
    """The toy without its closed form, so that scores are those of the task to the last bit."""

    name: str = "step by step"
    hyperparams: tuple[str, ...] = ("h0", "h1")

    def begin(self, rng: Generator) -> Any:
        return {"theta": np.array(Quadratic.start)}

    def trained(self, state: Any, hyperparams: Hyperparams, steps: int, rng: Generator) -> Any:
        return Quadratic().train(state, hyperparams, steps, None).state  # type: ignore[arg-type]

    def measured(self, state: Any, rng: Generator) -> Measured:
        score = Quadratic().score(state, rng)["score"]
        return Measured(score, score, score)


class Ear:
    def __init__(self):
        self.records = []

    def start(self, context):
        pass

    def record(self, record, preview):
        self.records.append(record)

    def flush(self):
        pass

    def close(self, ending):
        pass


def plan(**pbt: Any) -> Plan:
    settings = {"population_size": 6, "total_steps": 40, "ready_interval": 10, "score_interval": 5, **pbt}
    return build_plan(validated(Config, {"task": "quadratic", "seed": 3, "pbt": settings}), Quadratic().space)


def engine(plan: Plan, slots: int) -> list[dict[str, Any]]:
    ear = Ear()
    executor = SimulatedExecutor(Quadratic(), seed=plan.seed, slots=slots)
    context = RunContext(folder=None, config={}, cards={}, records=(), reals=None, total_orders=0)
    Engine(Controller(plan), executor, listeners=[ear]).run(State(), context)
    return [_bare(timeless(record)) for record in ear.records]


def _bare(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("metrics", "images", "score_error")}


PHASES = [{"begins": 20, "members": 3}, {"begins": 30, "members": 1}]


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("slots", [1, 4, 6])
@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"phases": PHASES},
        {"exploit": "tournament", "explore": "resample"},
        {"selection": {"min_gap": 0.5, "repeats": 3}},
        {"exploit": {"name": "truncation", "fraction": 0.4}, "explore": {"name": "perturb", "when": "proved"}},
    ],
)
def test_a_simulated_run_has_the_records_of_the_engine(mode, slots, rules):
    same = plan(mode=mode, **rules)
    records = simulated(same, StepByStep(), slots).journal
    assert [_bare(timeless(record)) for record in records] == engine(same, slots)
    assert any(isinstance(record, Exploit) and record.donor for record in records)


def test_a_simulated_run_is_a_pure_function_of_plan_and_seed():
    noisy = {"population_size": 4, "total_steps": 200, "ready_interval": 20}
    rate = Float(Range(1e-4, 1e-1), (1e-5, 1.0), "log")
    drifting = build_plan(validated(Config, {"task": "quadratic", "pbt": noisy}), {"lr": rate})
    assert simulated(drifting, Drifting(), 4) == simulated(drifting, Drifting(), 4)
    other = simulated(replace(drifting, seed=1), Drifting(), 4)
    assert other != simulated(drifting, Drifting(), 4)


def test_the_toy_in_closed_form_is_the_toy_of_many_steps():
    journals = [simulated(plan(), landscape, 6).journal for landscape in (Toy(), StepByStep())]
    scores = [[record.score for record in journal if isinstance(record, Report)] for journal in journals]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-12)


def test_a_state_of_several_members_is_refused_in_words():
    def mixed(plan: Plan) -> Any:
        return Mixing(plan)

    with pytest.raises(TaskError, match="components of several members"):
        simulated(replace(plan(), policy=mixed), Toy(), 6)


class Mixing(Policy):
    """Gives everybody the generator of member 0, and the rest of its own."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def ready(self, member, memory):
        return member.trained_steps + self.plan.ready_interval

    def decide(self, due, view, memory):
        first = view.members[0].checkpoint
        return [replace(kept(member), sources={**member.sources, "generator": first}) for member in due]

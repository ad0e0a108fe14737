import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.budget import Phase
from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import Order
from pbt_gan.core.records import Birth, Measure, Measurement, Record, Report, Retire
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLOIT, EXPLORE
from pbt_gan.studies.experiment.outcome import Outcome, at_equal_cost, cut
from pbt_gan.studies.experiment.progress import progress
from pbt_gan.studies.experiment.timeline import timeline
from tests.studies.experiment.test_outcome import run

SPACE = {"rate": Float(Range(0.1, 1.0), bounds=(0.01, 10.0), scale="log")}


def report(member: int, interval: int, place: int, score: float, cost_s: float = 1.0) -> Report:
    return Report(member, interval, place, place, score, {}, {}, f"m{member}-i{interval}", 0, cost_s=cost_s)


def of_members(count: int) -> list[Record]:
    return [Birth(member, {}, "drawn") for member in range(count)]


HALVED: list[Record] = [
    *of_members(3),
    *(report(member, 1, 10, float(member)) for member in (2, 0, 1)),
    Retire(0, 1, ""),
    Retire(1, 1, ""),
    *(report(2, interval, 10 * interval, 2.0 + interval) for interval in (2, 3, 4)),
]
"""Three members, of which two retire after 10 steps; the third trains 40."""

BORN: list[Record] = [
    *of_members(1),
    report(0, 1, 10, 1.0),
    report(0, 2, 20, 2.0),
    Birth(1, {}, "of member 0", {"*": "m0-i2"}, step=20, trained_steps=20),
    report(1, 1, 30, 5.0),
    report(0, 3, 30, 3.0),
]
"""A member that is born of another one where that one stands."""


def test_what_a_member_has_not_trained_itself_is_not_charged_to_it():
    born = timeline(BORN)
    assert born.steps() == [10, 10, 10, 10]
    assert [(each.member, each.interval) for each in born.reports] == [(0, 1), (0, 2), (1, 1), (0, 3)]


def test_a_measurement_that_is_repeated_counts_as_a_look_and_adds_to_its_report():
    again = timeline(
        [
            *of_members(2), report(1, 1, 10, 2.0), report(0, 1, 10, 1.0), Measure(0, 1, ""), Measure(1, 1, ""),
            Measurement(1, 1, 1, 1.0, {}, cost_s=0.5), Measurement(0, 1, 1, 3.0, {}, cost_s=0.5), Retire(1, 1, ""),
        ]
    )  # fmt: skip
    assert [(each.member, each.score, each.cost_s) for each in again.reports] == [(0, 2.0, 1.5), (1, 1.5, 1.5)]
    assert again.steps() == [10, 10]
    assert Outcome.of(("a", 0), again, {}).scorings == 4


def test_reports_are_in_the_order_of_time_and_not_of_intervals():
    late = timeline(BORN)
    assert [each.interval for each in late.reports] == [1, 2, 1, 3]
    assert [each.interval for each in late.history.reports] == [1, 1, 2, 3]
    # The budget of three orders reaches the birth's first one, though its interval is the lowest.
    assert [each.member for each in cut(late, "steps", 20).reports] == [0, 0]


def test_those_who_retired_early_paid_early():
    halved = timeline(HALVED)
    assert halved.steps() == [10] * 6
    assert [each.member for each in cut(halved, "steps", 30).reports] == [0, 1, 2]
    assert [each.member for each in cut(halved, "steps", 40).reports] == [0, 1, 2, 2]


@pytest.mark.parametrize(("limit", "retired"), [(20, set()), (30, {0, 1}), (60, {0, 1})])
def test_a_retirement_is_kept_once_all_have_been_measured_that_it_waited_for(limit, retired):
    assert set(cut(timeline(HALVED), "steps", limit).history.retirements) == retired


def test_the_median_is_that_of_members_who_have_not_retired():
    assert Outcome.of(("a", 0), timeline(HALVED), {}).figures["median"] == 6.0
    assert Outcome.of(("a", 0), cut(timeline(HALVED), "steps", 20), {}).figures["median"] == 0.5


def test_an_arm_that_leaves_a_rounding_does_not_cut_the_others_short():
    short = run(*(report(0, interval, 10 * interval, 1.0) for interval in range(1, 99)))
    full = run(*(report(0, interval, 10 * interval, 1.0) for interval in range(1, 101)))
    runs = {("short", 0): short, ("full", 0): full}
    assert len(at_equal_cost(runs, "steps")["full", 0].reports) == 98
    assert len(at_equal_cost(runs, "steps", rounding=0.01)["full", 0].reports) == 98
    assert len(at_equal_cost(runs, "steps", rounding=0.02)["full", 0].reports) == 100


def test_progress_grows_with_cost_and_forgets_who_retired():
    told = progress(timeline(HALVED), "steps")
    assert told["cost"].tolist() == [30, 40, 50, 60]
    assert told["best"].tolist() == [2, 4, 5, 6]
    assert told["median"].tolist() == [1, 4, 5, 6]


def test_progress_of_those_who_all_diverged_is_nan():
    told = progress(timeline([*of_members(1), report(0, 1, 10, math.nan)]), "steps")
    assert math.isnan(told["best"][0])
    assert math.isnan(told["median"][0])


def carried_out(plan: Plan, order_of: Any) -> list[Record]:
    """Carry a plan out with workers whose speeds are drawn, and return its journal."""
    controller = Controller(plan)
    state, journal = controller.start(State())
    pending: list[Order] = []
    while not controller.done(state):
        state, orders = controller.ask(state, 99)
        pending += orders
        order = pending.pop(order_of(len(pending)))
        used = order.hyperparams["rate"]
        assert isinstance(used, float)
        answer = Report.of(
            order, score=(order.trained_steps + order.steps) * used, hyperparams=order.hyperparams, worker=""
        )
        state, records = controller.tell(state, [answer])
        journal += records
    return journal


@given(st.data(), st.integers(0, 9), st.sampled_from([(), (Phase(20, 2), Phase(30, 1)), (Phase(10, 1), Phase(30, 4))]))
def test_a_synchronous_run_has_one_timeline_however_fast_its_workers_are(data, seed, phases: Sequence[Phase]):
    plan = Plan(
        space=SPACE,
        population_size=4,
        total_steps=50,
        ready_interval=10,
        score_interval=5,
        seed=seed,
        phases=tuple(phases),
        strategy=Strategy(Rule("truncation", EXPLOIT["truncation"], {}), Rule("perturb", EXPLORE["perturb"], {})),
    )
    journal = carried_out(plan, lambda count: data.draw(st.integers(0, count - 1)))
    told = timeline(journal)
    assert told.reports == timeline(carried_out(plan, lambda count: 0)).reports
    assert sum(told.steps()) == plan.member_steps
    assert [each.trained_steps for each in told.reports] == sorted(each.trained_steps for each in told.reports)
    for count in (1, len(told.reports) // 2, len(told.reports)):
        assert told.first(count).reports == told.reports[:count]

"""Members on whom a small gap depends are measured again before anything is decided about them."""

import math
from typing import Any

import pytest

from pbt_gan.core.budget import Phase
from pbt_gan.core.controller import Controller
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Mode, Plan
from pbt_gan.core.records import Exploit, Failure, Measure, Measurement, Report, Retire, from_json, to_json
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Selection
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLOIT, EXPLORE
from pbt_gan.errors import ConfigError

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}


def plan(size=2, total=3, *, mode: Mode = "sync", phases=(), repeats=4, min_gap=1.0, exploit="truncation", seed=0):
    return Plan(
        space=SPACE, population_size=size, total_steps=total, ready_interval=1, score_interval=1, seed=seed, mode=mode,
        phases=phases,
        strategy=Strategy(
            Rule(exploit, EXPLOIT[exploit]), Rule("perturb", EXPLORE["perturb"]),
            selection=Selection(min_gap=min_gap, repeats=repeats),
        ),
    )  # fmt: skip


def answered(order, score, error=1.0):
    if order.repeat:
        return Measurement(
            order.member, order.interval, order.repeat, score, {}, error, cost_s=0.5, attempt=order.attempt
        )
    return Report.of(
        order, score=score, hyperparams=order.hyperparams, worker="", score_error=error, cost_s=10.0,
        metrics={"other": 1.0},
    )  # fmt: skip


def trained(of, score, state=None):
    """Train a population to its end, from a state on; return its records and its last state."""
    controller = Controller(of)
    state, records = controller.start(state or State())
    log: list[Any] = [*records]
    while not controller.done(state):
        state, orders = controller.ask(state, of.largest if of.mode == "sync" else 1)
        assert orders, "it does not stand still"
        assert {key for order in orders for key in order.sources.values()} <= controller.needed(state)
        state, records = controller.tell(state, [answered(order, score(order)) for order in orders])
        log += records
    return log, state


def by_table(**scores):
    """Score by member, interval and repeat, as in m0i1r0=1.0; 5.0 where nothing is said."""
    return lambda order: scores.get(f"m{order.member}i{order.interval}r{order.repeat}", 5.0)


def of_kind(records, kind):
    return [record for record in records if isinstance(record, kind)]


def test_the_worse_one_and_its_donor_are_measured_until_the_gap_is_large_enough():
    # Two that are 1 apart, each with an error of 1: too close by one error of the difference, which is 1.41.
    table = by_table(m0i1r0=0.0, m1i1r0=1.0, m0i1r1=0.0, m1i1r1=3.0)
    records, _ = trained(plan(total=2), table)
    first = [record for record in records if getattr(record, "interval", 1) == 1]
    assert [(type(record).__name__, getattr(record, "member", None)) for record in first[2:8]] == [
        ("Report", 0), ("Report", 1), ("Measure", 0), ("Measure", 1), ("Measurement", 0), ("Measurement", 1),
    ]  # fmt: skip
    (copy,) = [record for record in of_kind(records, Exploit) if record.donor is not None]
    assert (copy.recipient, copy.donor.member, copy.scores) == (0, 1, (2.0,))


def test_nobody_is_measured_more_often_than_may_be_and_then_the_gap_stands():
    records, _ = trained(
        plan(total=2, repeats=3), by_table(m0i1r0=0.0, m1i1r0=0.1, m0i1r1=0, m1i1r1=0, m0i1r2=0, m1i1r2=0)
    )
    assert [record.repeat for record in of_kind(records, Measurement)] == [1, 1, 2, 2]
    assert not [record for record in of_kind(records, Exploit) if record.donor is not None]


def test_whoever_is_far_from_the_cut_is_not_measured_again():
    table = by_table(m0i1r0=0.0, m1i1r0=4.9, m2i1r0=5.1, m3i1r0=9.0)
    records, _ = trained(plan(4, 2, phases=(Phase(1, 2),), exploit="none", repeats=2), table)
    assert {record.member for record in of_kind(records, Measure)} == {1, 2}
    assert {record.member for record in of_kind(records, Retire)} == {0, 1}  # 5.0 and 5.05 in the mean


def test_a_state_s_score_is_the_mean_of_its_measurements_and_its_error_shrinks():
    table = by_table(m0i1r0=0.0, m1i1r0=1.0, m0i1r1=1.0, m1i1r1=1.0, m0i1r2=-1.0, m1i1r2=4.0)
    records, _ = trained(plan(total=2), table)
    state = Controller(plan(total=2)).fold(records[: records.index(of_kind(records, Exploit)[0])])
    first, second = state.measured[0], state.measured[1]
    assert (first.scores, second.scores) == ((0.0,), (2.0,))
    assert first.score_error == second.score_error == pytest.approx(1 / math.sqrt(3))
    assert first.measurements == 3
    assert state.best == second


def test_a_lucky_best_gives_way_to_whoever_is_better_after_all():
    table = by_table(m0i1r0=1.0, m1i1r0=1.1, m0i1r1=1.0, m1i1r1=-9.0)
    records, _ = trained(plan(total=2, repeats=2), table)
    upto = records.index(of_kind(records, Exploit)[0])
    best = Controller(plan(total=2)).fold(records[:upto]).best
    assert best is not None
    assert (best.id, best.score) == (0, 1.0)
    found = History.of(records[:upto]).best
    assert found is not None
    assert (found.member, found.score) == (0, 1.0)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("seed", range(6))
def test_what_a_run_says_is_its_best_is_what_was_kept(mode, seed):
    def noise(order):
        return float(stream(seed, "noise", order.member, order.interval, order.repeat).normal())

    records, state = trained(plan(6, 8, mode=mode, phases=(Phase(3, 3),), seed=seed, exploit="tournament"), noise)
    best = History.of(records).best
    assert best is not None
    assert state.best is not None
    assert (best.checkpoint, best.score) == (state.best.checkpoint, state.best.score)


def test_history_counts_what_measuring_costs_and_has_no_stretch_without_steps():
    table = by_table(m0i1r0=0.0, m1i1r0=1.0, m0i1r1=0.0, m1i1r1=3.0)
    history = History.of(trained(plan(total=2), table)[0])
    assert [report.cost_s for report in history.reports] == [10.5, 10.5, 10.0, 10.0]
    assert history.by_member[1][0].score == 2.0
    assert history.by_member[1][0].metrics == {"other": 1.0}
    assert [(s.start_step, s.end_step) for s in history.ancestry(0, 2)] == [(0, 1), (1, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("cut", range(8, 70, 3))
def test_a_run_that_is_resumed_goes_on_as_it_would_have(mode, cut):
    def noise(order):
        return float(stream(3, "noise", order.member, order.interval, order.repeat).normal())

    whole = plan(5, 6, mode=mode, phases=(Phase(3, 2),), exploit="tournament")
    records, state = trained(whole, noise)
    assert len(of_kind(records, Measurement)) > 3
    journaled = [from_json(to_json(record)) for record in records[:cut]]
    while not isinstance(journaled[-1], Report | Measurement):  # decisions are journaled with what they follow from
        journaled.pop()
    later, end = trained(whole, noise, Controller(whole).fold(journaled))
    assert [*journaled, *later] == records
    assert end == state


def test_a_measurement_that_failed_is_ordered_again():
    controller = Controller(plan(total=2))
    state, _ = controller.start(State())
    state, orders = controller.ask(state, 2)
    state, _ = controller.tell(state, [answered(order, float(order.member)) for order in orders])
    state, (first, second) = controller.ask(state, 2)
    lost = Failure(0, 1, 1, "worker-0", "was lost", "worker", repeat=1)
    state, _ = controller.tell(state, [lost, answered(second, 3.0)])
    assert not controller.done(state)
    state, (again,) = controller.ask(state, 2)
    assert again == first.__class__(**{**{f: getattr(first, f) for f in first.__slots__}, "attempt": 2})
    late = Failure(0, 1, 2, "worker-0", "its training, of long ago", "worker")
    assert controller.tell(state, [late]) == (state, [])
    _, records = controller.tell(state, [answered(again, 0.0)])
    assert isinstance(records[0], Measurement)


def test_without_a_minimum_gap_nobody_could_be_too_close():
    with pytest.raises(ConfigError, match="repeats = 4"):
        Selection(repeats=4).check()


@pytest.mark.slow
def test_for_as_much_scoring_more_of_the_truly_best_are_kept_by_measuring_those_who_are_close():
    """Halving of 8 to 1: measured equally often on average, the best one survives more often in a race."""

    def kept(seed, repeats, spread=1.0):
        def score(order):
            noise = float(stream(seed, "noise", order.member, order.repeat).normal())
            return 0.5 * order.member + spread * noise

        shrinking = plan(8, 2, phases=(Phase(1, 1),), exploit="none", repeats=repeats, min_gap=2.0, seed=seed)
        records, state = trained(shrinking, score)
        return 7 in state.members, 1 + len(of_kind(records, Measurement)) / 8

    seeds = range(200)
    raced, counts = zip(*(kept(seed, 10) for seed in seeds), strict=True)
    each = sum(counts) / len(counts)
    equally = [kept(seed, 1, spread=1 / math.sqrt(each))[0] for seed in seeds]
    assert each < 5
    assert sum(raced) > sum(equally) + 10 > sum(kept(seed, 1)[0] for seed in seeds) + 20

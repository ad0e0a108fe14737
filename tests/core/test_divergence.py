"""Members that diverge: when they are decided about, and what becomes of their steps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.budget import Phase
from pbt_gan.core.controller import Controller
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.explore import EXPLORE
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import Order
from pbt_gan.core.records import Exploit, Record, Report
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}
MODES = pytest.mark.parametrize("mode", ["sync", "async"])
Broken = frozenset[tuple[int, int]]
"""Members and intervals whose training diverges."""


def plan(exploit: str = "truncation", **changes: Any) -> Plan:
    lengths = {"population_size": 4, "total_steps": 60, "ready_interval": 20, "score_interval": 5, "seed": 0}
    strategy = Strategy(Rule(exploit, EXPLOIT[exploit]), Rule("perturb", EXPLORE["perturb"]))
    return Plan(**{"space": SPACE, "strategy": strategy, **lengths, **changes})


def answered(order: Order, broken: Broken) -> Report:
    lost = (order.member, order.interval) in broken
    score = math.nan if lost else float(order.member) + order.trained_steps
    told = "loss is nan after step 3" if lost else ""
    return Report.of(order, score=score, hyperparams=order.hyperparams, worker="test", diverged=told)


def train(
    plan: Plan, broken: Broken = frozenset(), slots: int = 4, state: State | None = None
) -> tuple[State, list[Record], list[list[Order]]]:
    """Run to the end, all under way being answered together; also return what was ordered at a time."""
    controller = Controller(plan)
    state, records = controller.start(state or State())
    given: list[list[Order]] = []
    while not controller.done(state):
        state, orders = controller.ask(state, slots)
        given.append(orders)
        state, news = controller.tell(state, [answered(order, broken) for order in orders])
        records += news
    return state, records, given


def of_member(records: Sequence[Record], member: int) -> list[Exploit]:
    return [record for record in records if isinstance(record, Exploit) and record.recipient == member]


def test_asynchronously_it_is_rescued_at_once_and_trains_all_its_other_steps() -> None:
    state, records, _ = train(plan(mode="async"), frozenset({(0, 1)}))
    first = of_member(records, 0)[0]
    assert (first.rule, first.interval, first.trained_steps) == ("rescue", 1, None)
    assert History.of(records).member_steps == 4 * 60
    assert all(member.trained_steps == 60 for member in state.members.values())


def test_synchronously_it_is_rescued_where_all_meet_and_its_steps_up_to_there_are_not_spent() -> None:
    state, records, given = train(plan(mode="sync"), frozenset({(0, 1)}))
    first = of_member(records, 0)[0]
    assert (first.rule, first.interval, first.trained_steps) == ("rescue", 1, 20)
    assert History.of(records).member_steps == 4 * 60 - 15
    assert [sorted(order.member for order in orders) for orders in given[:5]] == [
        [0, 1, 2, 3],
        *[[1, 2, 3]] * 3,  # the others train on without it
        [0, 1, 2, 3],
    ]
    assert all(member.trained_steps == 60 for member in state.members.values())


def test_synchronously_who_diverges_after_the_last_ready_point_is_at_its_end() -> None:
    state, records, _ = train(plan(mode="sync"), frozenset({(0, 9)}))
    assert len([record for record in records if isinstance(record, Report) and record.member == 0]) == 9
    assert not state.members[0].healthy
    longer = Controller(plan(mode="sync", total_steps=80))
    _, decisions = longer.start(longer.fold(records))
    assert of_member(decisions, 0)[0].rule == "rescue"


@MODES
def test_with_exploit_none_nothing_is_trained_any_more(mode: str) -> None:
    state, records, given = train(plan("none", mode=mode), frozenset({(0, 2)}))
    assert [order.interval for orders in given for order in orders if order.member == 0] == [1, 2]
    assert all(exploit.kept for exploit in of_member(records, 0))
    assert state.members[0].trained_steps == 60
    assert History.of(records).member_steps == 3 * 60 + 10
    every = frozenset((member, interval) for member in range(4) for interval in range(1, 13))
    assert len(train(plan("none", mode=mode), every)[2]) == 1


@MODES
def test_whoever_diverges_before_a_turn_is_there_when_the_population_shrinks(mode: str) -> None:
    turned = plan(mode=mode, phases=(Phase(30, 2),))  # no ready point
    state, records, _ = train(turned, frozenset({(0, 5), (1, 6), (2, 6), (3, 6)}))
    assert len(state.members) == 2
    assert all(member.healthy for member in state.members.values())
    assert History.of(records).member_steps <= turned.member_steps


BREAKS = st.frozensets(st.tuples(st.integers(0, 5), st.integers(1, 12)), max_size=40)


@MODES
@given(BREAKS, st.sampled_from(["truncation", "none"]), st.integers(1, 5), st.booleans())
def test_whatever_diverges_the_run_ends_within_its_budget_and_is_taken_up_anywhere(
    mode: str, broken: Broken, exploit: str, slots: int, shrinks: bool
) -> None:
    made = plan(exploit, mode=mode, phases=(Phase(30, 2),) if shrinks else ())
    state, records, given = train(made, broken, slots)
    history = History.of(records)
    assert history.member_steps <= made.member_steps
    assert history.member_steps == sum(order.steps for orders in given for order in orders)
    assert Controller(made).fold(records) == state or broken
    assert all(member.trained_steps <= 60 for member in state.members.values())
    # Of what has diverged nothing is trained.
    lost = {record.checkpoint for record in records if isinstance(record, Report) and not math.isfinite(record.score)}
    assert not lost & {source for orders in given for order in orders for source in order.sources.values()}
    places: Mapping[int, list[int]] = {member: [] for member in history.births}
    for orders in given:
        for order in orders:
            places[order.member].append(order.trained_steps)
    assert all(each == sorted(set(each)) for each in places.values())
    if mode == "sync":
        assert repr(sorted(train(made, broken, 4)[1], key=repr)) == repr(sorted(records, key=repr))
        cut = int(stream(len(broken), "cut").integers(len(records)))
        while cut < len(records) and not isinstance(records[cut - 1], Report):
            cut += 1  # within a round of decisions nobody resumes
        again = train(made, broken, slots, Controller(made).fold(records[:cut]))[1]
        assert repr(sorted([*records[:cut], *again], key=repr)) == repr(sorted(records, key=repr))


def test_a_run_of_an_older_version_which_trained_on_is_read_as_it_was() -> None:
    own = Rule("own", lambda member, view, rng: None)  # of which nobody knows whether it looks back
    made = plan(mode="async", strategy=Strategy(own))
    state, records, _ = train(made)
    broken = [
        replace(record, score=math.nan) if isinstance(record, Report) and record.interval == 2 else record
        for record in records
    ]
    again = Controller(made).fold(broken)
    assert Controller(made).done(again)
    assert again.reports == state.reports
    assert {member: each.trained_steps for member, each in again.members.items()} == dict.fromkeys(range(4), 60)
    assert [stretch.steps for stretch in again.past] == [5] * again.reports

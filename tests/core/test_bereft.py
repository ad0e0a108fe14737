"""Members whose states are gone for good take over another one, and the run ends as planned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.controller import Controller
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.plan import Mode, Plan
from pbt_gan.core.population import WHOLE, Order
from pbt_gan.core.records import Exploit, Record, Report
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.testing.consistency import contradictions
from tests.core.running import chance

SPACE = {"lr": Float(Range(1e-4, 1e-1), (1e-6, 1.0), "log")}
NONE = Strategy(exploit=Rule("none", EXPLOIT["none"]))


def plan_of(size: int, **options: Any) -> Plan:
    return Plan(
        space=SPACE, population_size=size, total_steps=60, ready_interval=20, score_interval=10, seed=3, **options
    )


def answered(order: Order) -> Report:
    return Report.of(order, score=chance(order), hyperparams=order.hyperparams, worker="test")


def trained(controller: Controller, rounds: int) -> tuple[State, list[Record]]:
    state, records = controller.start(State())
    for _ in range(rounds):
        state, records = step(controller, state, records)
    return state, records


def step(controller: Controller, state: State, records: list[Record]) -> tuple[State, list[Record]]:
    state, orders = controller.ask(state, 2)
    state, told = controller.tell(state, [answered(order) for order in orders])
    return state, [*records, *told]


def gone_on(controller: Controller, state: State, records: list[Record], lost: set[str]) -> list[Record]:
    """Resume without some checkpoints, and train to the end."""
    there = controller.needed(state) - lost
    state = replace(state, pending=State().pending)  # a cut names none
    state = controller.having(controller.fold(records), there)
    state, told = controller.start(state, there)
    records = [*records, *told]
    while not controller.done(state):
        under_way = {key for order in state.pending.values() for key in order.sources.values()}
        assert not under_way & lost
        state, records = step(controller, state, records)
        assert not {key for member in state.members.values() for key in member.sources.values()} & lost
    return records


@given(st.sampled_from(["sync", "async"]), st.booleans(), st.integers(1, 12), st.data(), st.sampled_from([1, 2, 5]))
def test_whatever_is_lost_a_run_ends_as_planned_and_uses_nothing_of_it(
    mode: Mode, copies: bool, rounds: int, data: st.DataObject, size: int
) -> None:
    plan = replace(plan_of(size, mode=mode), strategy=Strategy() if copies else NONE)
    controller = Controller(plan)
    state, records = trained(controller, rounds)
    needed = sorted(controller.needed(controller.fold(records)))
    lost = set(data.draw(st.lists(st.sampled_from(needed), max_size=len(needed)))) if needed else set()
    records = gone_on(controller, state, records, lost)
    assert list(contradictions(records, plan.score_interval)) == []
    last = {record.member: record for record in records if isinstance(record, Report)}
    assert {report.trained_steps for report in last.values()} == {plan.total_steps}
    assert all(decision.donor is not None or not decision.sources for decision in decisions_of(records))


def decisions_of(records: Sequence[Record]) -> list[Exploit]:
    """Return the decisions about those who have lost their states."""
    return [record for record in records if isinstance(record, Exploit) and record.rule == "lost"]


def test_a_member_without_its_state_keeps_its_hyperparameters_and_takes_healthy_weights():
    controller = Controller(plan_of(4))
    state, records = trained(controller, 3)
    own = state.members[1]
    lost = {own.sources[WHOLE]}
    there = controller.needed(state) - lost
    state, told = controller.start(controller.having(state, there), there)
    (decision,) = decisions_of(told)
    assert decision.recipient == 1
    assert decision.after == own.hyperparams
    assert decision.donor is not None
    assert decision.donor.checkpoint in there
    assert decision.sources == {WHOLE: decision.donor.checkpoint}
    assert "damaged on disk" in decision.reason
    assert controller.fold([*records, *told]).members == state.members


@pytest.mark.parametrize("best_is_there", [True, False])
def test_where_nobody_copies_a_member_goes_back_to_its_own_best_or_starts_anew(best_is_there):
    plan = replace(plan_of(1), strategy=NONE)
    controller = Controller(plan)
    state, _ = trained(controller, 1)
    best = state.best
    assert best is not None
    later = replace(best, checkpoint="m00-i0002", sources={WHOLE: "m00-i0002"}, interval=2, scores=(-1.0,))
    state = replace(state, members=state.members.changed(0, later), measured=state.measured.changed(0, later))
    there = {best.checkpoint or ""} if best_is_there else set[str]()
    (decision,) = decisions_of(controller.start(controller.having(state, there), there)[1])
    assert (decision.donor is not None) == best_is_there
    assert decision.sources == ({WHOLE: best.checkpoint} if best_is_there else {})

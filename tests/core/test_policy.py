"""Policies of one's own on the seam of the controller: retirement, births, sub-populations, archives, mixed states."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.controller import Controller
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Plan
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import WHOLE, Member, Order, PopulationView
from pbt_gan.core.records import Birth, Decision, Exploit, Record, Report, Retire
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.errors import TaskError
from tests.core.running import train

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}


def plan(policy, **changes) -> Plan:
    lengths = {"population_size": 8, "total_steps": 40, "ready_interval": 10, "score_interval": 5, "seed": 0}
    return Plan(space=SPACE, policy=policy, **{**lengths, **changes})


def decided(records: Sequence[Record]) -> list[str]:
    return sorted(str(record) for record in records if not isinstance(record, Birth))


class Halving(Policy):
    """At each ready point the worse half retires."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def ready(self, member, memory):
        return member.trained_steps + self.plan.ready_interval

    def decide(self, due, view, memory):
        worse = {member.id for member in view.ranking[: len(view) // 2]}
        return [
            Retire(member.id, member.interval, "the worse half") if member.id in worse else kept(member)
            for member in due
        ]


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_a_policy_may_retire_members_and_the_rest_train_on(slots):
    controller = Controller(plan(Halving))
    state, records = train(controller, slots)
    assert [member.trained_steps for member in state.members.values()] == [40]
    retired = [record for record in records if isinstance(record, Retire)]
    assert [sum(r.interval == interval for r in retired) for interval in (2, 4, 6)] == [4, 2, 1]
    assert controller.fold(records) == state
    assert {member.id for member in state.members.values()} | {r.member for r in retired} == set(range(8))


def test_synchronous_retirement_does_not_depend_on_the_number_of_slots():
    runs = [decided(train(Controller(plan(Halving)), slots)[1]) for slots in (1, 3, 8)]
    assert runs[0] == runs[1] == runs[2]


def test_those_who_retired_are_neither_ranked_nor_kept():
    controller = Controller(plan(Halving))
    state, records = train(controller)
    gone = {record.member for record in records if isinstance(record, Retire)}
    assert gone.isdisjoint(state.view.members)
    assert state.best is not None
    kept_of = {int(key[1:3]) for key in controller.needed(state)}
    assert kept_of & gone <= {state.best.id}
    last_best = History.of(records).last_best
    assert last_best is not None
    assert last_best.member not in gone


class Replacing(Halving):
    """Whoever retires is followed by a child of the best, trained on from its checkpoint with other hyperparameters."""

    def decide(self, due, view, memory):
        decisions: list[Decision] = []
        next_id = (memory or {"next": self.plan.population_size})["next"]
        best = view.at(len(view) - 1)
        for member in due:
            if view.rank(member) > 0:
                decisions.append(kept(member))
                continue
            decisions.append(Retire(member.id, member.interval, "the worst"))
            child = Birth(
                next_id, {"lr": 1e-3}, "child of the best", {WHOLE: best.checkpoint}, best.step, best.scores,
                subpopulation=1, memory={"next": next_id + 1},
            )  # fmt: skip
            decisions.append(child)
            next_id += 1
        return decisions


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_births_may_begin_with_somebodys_weights(mode):
    controller = Controller(plan(Replacing, mode=mode, total_steps=20))
    state, records = train(controller)
    children = [record for record in records if isinstance(record, Birth) and record.sources]
    assert children
    assert controller.fold(records) == state
    history = History.of(records)
    for child in children:
        first = history.ancestry(child.member, 1)
        assert [segment.checkpoint for segment in first][-2] == child.sources[WHOLE]
        assert first[-1].end_step == child.step + 5
        assert first[-1].hyperparams == {"lr": 1e-3}
        assert state.members[child.member].subpopulation == 1
    assert len(state.members) == 8


class Exchange(Halving):
    """Everybody takes the best one's generator and keeps the rest of the own state."""

    def decide(self, due, view, memory):
        best = view.at(len(view) - 1)
        return [
            kept(member)
            if member.id == best.id
            else replace(kept(member), copied=("g",), sources={**member.sources, "g": best.checkpoint})
            for member in due
        ]


def test_an_order_may_take_components_from_different_members():
    controller = Controller(plan(Exchange, total_steps=20))
    state, _ = controller.start(State())
    seen: list[Order] = []
    while not controller.done(state):
        state, orders = controller.ask(state, 8)
        seen += orders
        state, _ = controller.tell(state, [_answer(order, float(order.member)) for order in orders])
    mixed = [order.sources for order in seen if order.interval == 3]
    assert mixed == [{WHOLE: f"m0{n}-i0002", "g": "m07-i0002"} for n in range(7)] + [{WHOLE: "m07-i0002"}]


def test_the_checkpoints_of_mixed_sources_are_kept_until_they_are_used():
    controller = Controller(plan(Exchange, total_steps=20))
    state, _ = controller.start(State())
    for _ in range(2):
        state, orders = controller.ask(state, 8)
        state, _ = controller.tell(state, [_answer(order, -float(order.member)) for order in orders])
    assert {"m00-i0002", "m03-i0002"} <= controller.needed(state)


class Archiving(Halving):
    """Remembers the best of the first ready point, and lets everybody go back to it at the last."""

    def decide(self, due, view, memory):
        if memory is None:
            best = view.at(len(view) - 1)
            put_aside = {"checkpoint": best.checkpoint, "step": best.step}
            return [replace(kept(member), memory=put_aside) for member in due]
        if due[0].trained_steps < 30:
            return [kept(member) for member in due]
        return [
            replace(kept(member), copied=("weights",), step=memory["step"], sources={WHOLE: memory["checkpoint"]})
            for member in due
        ]

    def archive(self, memory):
        return () if memory is None else (memory["checkpoint"],)


def test_a_donor_may_be_a_checkpoint_of_long_ago():
    controller = Controller(plan(Archiving))
    state, _ = controller.start(State())
    while not controller.done(state):
        state, orders = controller.ask(state, 8)
        if orders and orders[0].interval == 7:
            assert {order.sources[WHOLE] for order in orders} == {"m07-i0002"}
        state, _ = controller.tell(state, [_answer(order, float(order.member)) for order in orders])
        if state.reports >= 16:
            assert "m07-i0002" in controller.needed(state)


class TwoSpeeds(Halving):
    """Members with even ids are due every 10 steps, the others every 20; all are ranked among their own kind."""

    def ready(self, member, memory):
        return member.trained_steps + (10 if member.id % 2 == 0 else 20)

    def decide(self, due, view, memory):
        return [kept(member, reason=f"{view.rank(member)} of {len(view)}") for member in due]


def test_synchronous_members_with_intervals_of_their_own_are_judged_alike_however_many_train_at_a_time():
    runs = [decided(train(Controller(plan(TwoSpeeds)), slots)[1]) for slots in (1, 3, 8)]
    assert runs[0] == runs[1] == runs[2]
    times = [
        (record.recipient, record.interval)
        for record in train(Controller(plan(TwoSpeeds)))[1]
        if isinstance(record, Exploit)
    ]
    assert sorted(times) == sorted([(n, i) for n in (0, 2, 4, 6) for i in (2, 4, 6)] + [(n, 4) for n in (1, 3, 5, 7)])


class Growing(Halving):
    """Intervals that double."""

    def ready(self, member, memory):
        return max(5, 2 * member.trained_steps)

    def decide(self, due, view, memory):
        return [kept(member) for member in due]


def test_a_ready_point_may_lie_anywhere():
    _, records = train(Controller(plan(Growing, total_steps=37, score_interval=8)))
    reports = [r.trained_steps for r in records if isinstance(r, Report) and r.member == 0]
    assert reports == [5, 10, 18, 20, 28, 36, 37]


class Wrong(Halving):
    def __init__(self, plan, decisions):
        super().__init__(plan)
        self.decisions = decisions

    def decide(self, due, view, memory):
        return self.decisions(due)


@pytest.mark.parametrize(
    ("decisions", "said"),
    [
        (lambda due: [], "decides nothing about members 0"),
        (lambda due: [kept(due[0]), kept(due[0])], "decides about member 0, which is not due"),
        (lambda due: [Retire(99, 1, "who?")], "decides about member 99"),
        (lambda due: [Birth(3, {"lr": 1e-3}, "again")], "gives the id 3 again; the next free one is 8"),
        (lambda due: [None], "returned None"),
        (lambda due: [replace(kept(due[0]), memory={1, 2})], "JSON cannot hold"),
    ],
)
def test_decisions_that_make_no_sense_are_told_with_the_policys_name(decisions, said):
    with pytest.raises(TaskError, match=rf"Wrong.*{said}") as told:
        train(Controller(plan(partial(Wrong, decisions=decisions))))
    assert "\n" not in str(told.value)


def test_a_ready_point_that_has_passed_is_refused():
    class Late(Halving):
        def ready(self, member, memory):
            return 5

    with pytest.raises(TaskError, match=r"Late.ready returned 5 .* has trained 5 steps"):
        train(Controller(plan(Late, score_interval=5)))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(allow_nan=True)), min_size=1, max_size=12, unique_by=lambda m: m[1])
)
def test_the_view_of_a_subpopulation_ranks_its_own_members_as_the_whole_does(members):
    view = PopulationView.of(
        [Member(n, {}, scores=(score,), subpopulation=own) for n, (own, score) in enumerate(members)]
    )
    for number in range(4):
        own = [member.id for member in view.ranking if member.subpopulation == number]
        assert [member.id for member in view.subpopulation(number).ranking] == own


def _answer(order: Order, score: float) -> Report:
    return Report.of(order, score=score, hyperparams=order.hyperparams, worker="test")

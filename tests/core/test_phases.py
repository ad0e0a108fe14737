"""Turns: who leaves, who stays, who is born."""

import math
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.core.budget import Newcomers, Phase, member_steps
from pbt_gan.core.controller import Controller
from pbt_gan.core.lineage import History
from pbt_gan.core.phases import Arrived, Turn, next_turn, open_place, succession, turn_at
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import WHOLE, Member, Order
from pbt_gan.core.records import Birth, Report, Retire
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLOIT, EXPLORE
from tests.core import running
from tests.core.running import chance

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-6, 1e-1), "log")}
NOBODY_COPIES = Strategy(Rule("none", EXPLOIT["none"]), Rule("perturb", EXPLORE["perturb"]))


def at(place: int, *scores: float) -> list[Member]:
    return [Member(number, {}, 1, place, place, (score,), f"m{number}") for number, score in enumerate(scores)]


def ids(members) -> list[int]:
    return [member.id for member in members]


def test_where_all_arrive_together_the_best_stay():
    found = succession(Turn(5, 4, 2), at(5, 1.0, 4.0, math.nan, 3.0), {})
    assert (ids(found.stay), ids(found.leave), found.parents, found.arrived) == ([1, 3], [0, 2], [], {})


def test_whoever_comes_alone_goes_on_once_as_large_a_share_has_arrived_as_may():
    """Four of whom two go on, arriving with 1, 4, 3, 2: by hand."""
    one, four, three, two = at(5, 1.0, 4.0, 3.0, 2.0)
    first = succession(Turn(5, 4, 2), [one], {})
    assert (first.stay, first.leave, first.arrived) == ([], [], {})
    second = succession(Turn(5, 4, 2), [one, four], {})  # one of two may
    assert (ids(second.stay), second.leave, second.arrived) == ([1], [], {"5": [1]})
    third = succession(Turn(5, 4, 2), [one, three], second.arrived)  # one of three, and it has gone
    assert (third.stay, third.leave, third.arrived) == ([], [], {"5": [1]})
    last = succession(Turn(5, 4, 2), [one, three, two], third.arrived)
    assert (ids(last.stay), sorted(ids(last.leave)), last.arrived) == ([2], [0, 3], {})


def test_where_the_population_grows_the_best_have_the_first_children():
    found = succession(Turn(5, 2, 5), at(5, 1.0, 4.0), {})
    assert (ids(found.stay), found.leave) == ([1, 0], [])
    assert ids(found.parents) == [1, 0, 1]
    assert succession(Turn(5, 1, 2), at(5, math.nan), {}).parents == [None]


@pytest.mark.parametrize(("place", "turn"), [(5, Turn(5, 8, 4)), (9, Turn(9, 4, 1)), (7, None)])
def test_turns_are_where_phases_begin(place, turn):
    phases = [Phase(5, 4), Phase(9, 1)]
    assert turn_at(8, phases, place) == turn
    assert next_turn(phases, 5) == 9
    assert next_turn(phases, 9) == math.inf


@given(st.data(), st.integers(1, 9), st.integers(1, 9))
def test_in_whatever_order_they_arrive_as_many_go_on_and_everybody_is_decided_about_once(data, before, after):
    members = at(5, *data.draw(st.lists(st.floats(-9, 9), min_size=before, max_size=before)))
    coming = data.draw(st.permutations(members))
    here: list[Member] = []
    arrived: Arrived = {}
    stayed: list[int] = []
    left: list[int] = []
    born = 0
    while coming:
        count = data.draw(st.integers(1, len(coming)))
        here, coming = here + coming[:count], coming[count:]
        found = succession(Turn(5, before, after), here, arrived)
        arrived, born = found.arrived, born + len(found.parents)
        stayed, left = stayed + ids(found.stay), left + ids(found.leave)
        here = [member for member in here if member.id not in stayed + left]
    assert not here
    assert not arrived
    assert sorted(stayed + left) == list(range(before))
    assert len(stayed) + born == after


def plan(**changes) -> Plan:
    lengths = {"population_size": 8, "total_steps": 100, "ready_interval": 10, "score_interval": 5, "seed": 0}
    return Plan(space=SPACE, **{**lengths, **changes})


SHRINKING = (Phase(5, 4), Phase(15, 2), Phase(40, 1))
BRANCHING = (Phase(20, 1), Phase(60, 3), Phase(70, 1))


def now_and_then_none(order: Order) -> float:
    return math.nan if chance(order) > 1 else chance(order)


@settings(max_examples=25)
@given(st.data(), st.sampled_from(["sync", "async"]), st.sampled_from([(), SHRINKING[:2], (Phase(30, 12),)]))
def test_a_phase_that_begins_where_nobody_has_passed_can_be_laid_over_whatever_was_done(data, mode, phases):
    """Stopped anywhere, a run goes on with any number of members from there, and ends with as many."""
    before = Controller(plan(mode=mode, phases=phases))
    state, records = before.start(State())
    under_way: list[Order] = []
    left = data.draw(st.integers(0, 60))
    while left and not before.done(state):
        state, orders = before.ask(state, 3 - len(under_way))
        under_way += orders
        answered = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        answer = Report.of(answered, score=chance(answered), hyperparams=answered.hyperparams, worker="test")
        state, news = before.tell(state, [answer])
        records, left = records + news, left - 1
    place = open_place(before.fold(records), 10)
    if place >= 100:
        return
    members = data.draw(st.integers(1, 20))
    newcomers: Newcomers = data.draw(st.sampled_from(get_args(Newcomers)))
    made = plan(mode=mode, phases=(*(p for p in phases if p.begins < place), Phase(place, members, newcomers)))
    after = Controller(made)
    score = data.draw(st.sampled_from([better_by_id, now_and_then_none]))
    state, more = running.train_on(after, after.fold(records), score)
    assert len(state.members) == members
    spent = History.of([*records, *more]).member_steps
    assert spent == made.member_steps if score is better_by_id else spent <= made.member_steps
    assert after.fold([*records, *more]) == state
    births = [record for record in more if isinstance(record, Birth)]
    assert all((birth.origin == "drawn") == (newcomers == "fresh") for birth in births if birth.trained_steps == place)


def better_by_id(order: Order) -> float:
    return order.member / 8 + chance(order)


def train(controller: Controller, slots: int = 3):
    return running.train(controller, slots, better_by_id)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("phases", [SHRINKING, BRANCHING, (Phase(5, 12), Phase(10, 3))])
def test_a_population_of_phases_spends_its_budget_exactly_and_resumes_alike(mode, phases):
    made = plan(mode=mode, phases=phases)
    controller = Controller(made)
    state, records = train(controller)
    history = History.of(records)
    born = {birth.member: birth.trained_steps for birth in history.births.values()}
    trained = sum(reports[-1].trained_steps - born[member] for member, reports in history.by_member.items())
    assert trained == made.member_steps == member_steps(8, phases, 100)
    assert len(state.members) == phases[-1].members
    assert {member.trained_steps for member in state.members.values()} == {100}
    assert len(history.retirements) == len(history.births) - phases[-1].members
    for cut in range(0, len(records), 7):
        assert controller.fold(records[cut:], controller.fold(records[:cut])) == state


@pytest.mark.parametrize("phases", [SHRINKING, BRANCHING])
def test_synchronous_phases_do_not_depend_on_the_number_of_slots(phases):
    runs = [sorted(map(repr, train(Controller(plan(phases=phases)), slots)[1])) for slots in (1, 3, 8)]
    assert runs[0] == runs[1] == runs[2]


def test_those_who_leave_were_the_worst_where_they_stood():
    _, records = train(Controller(plan(phases=SHRINKING, strategy=NOBODY_COPIES)))
    score = {(r.member, r.trained_steps): r.score for r in records if isinstance(r, Report)}
    living = set(range(8))
    for phase in SHRINKING:
        gone = {r.member for r in records if isinstance(r, Retire) and r.interval * 5 == phase.begins}
        assert max(score[m, phase.begins] for m in gone) < min(score[m, phase.begins] for m in living - gone)
        living -= gone
        assert len(living) == phase.members


def test_a_branch_goes_on_from_its_parent_with_other_hyperparameters():
    _, records = train(Controller(plan(phases=BRANCHING)))
    history = History.of(records)
    branches = [record for record in records if isinstance(record, Birth) and record.sources]
    assert len(branches) == 2
    for branch in branches:
        first, second = history.ancestry(branch.member, 1)[-2:]
        assert first.checkpoint == branch.sources[WHOLE]
        assert second.start_step == branch.step == 60
        assert second.hyperparams != first.hyperparams
        assert branch.trained_steps == 60


def test_what_was_trained_is_seen_in_the_same_order_however_fast_the_members_were():
    seen: dict[int, list[Any]] = {}

    def watching(hyperparams, space, rng, *, context):
        seen.setdefault(slots, []).append(context.view.stretches)
        assert len(context.others) == len(context.view.current) - 1
        return dict(hyperparams)

    strategy = Strategy(explore=Rule("watching", watching))
    for slots in (1, 8):
        train(Controller(plan(strategy=strategy)), slots)
    assert seen[1] == seen[8]
    last = seen[1][-1]
    assert len(last) >= 8
    assert all(math.isnan(s.before) == (s.step == 0) for s in last)


def remembering(hyperparams, space, rng, *, memory):
    return dict(hyperparams), [*(memory or []), len(memory or [])]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_explore_rule_remembers_beside_the_turns_and_whatever_the_exploit_rule_remembers(mode):
    strategy = Strategy(explore=Rule("remembering", remembering))
    controller = Controller(plan(strategy=strategy, phases=SHRINKING, mode=mode))
    state, records = train(controller)
    moved = sum(getattr(record, "operation", "none") == "remembering" for record in records)
    assert moved
    assert state.memory["explore"] == list(range(moved))
    assert "arrived" not in state.memory
    assert controller.fold(records) == state

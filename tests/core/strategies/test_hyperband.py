"""Brackets: their sizes by hand, and who leaves them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.budget import Phase
from pbt_gan.core.records import Birth, Report, Retire
from pbt_gan.core.strategies.hyperband import Hyperband, brackets
from pbt_gan.errors import ConfigError


def test_brackets_of_eight_halve_from_an_eighth_a_quarter_and_a_half_on_and_then_not_at_all():
    """By hand, in eighths of a line: 8·1+4·1+2·2+4 = 20; 5·2+2·2+4 = 18; 3·4+4 = 16; and 64 - 54 = 10 are left."""
    found = brackets(8, 80, 10, 2)
    assert [(list(bracket.begins), bracket.rungs) for bracket in found] == [
        ([0] * 8, (10, 20, 40)),
        ([0] * 5, (20, 40)),
        ([0] * 3, (40,)),
        ([30, 30], ()),
    ]
    assert [bracket.steps(2) for bracket in found] == [200, 180, 160, 100]


def test_brackets_of_nine_by_threes_are_those_of_the_paper():
    """By hand, in ninths of a line: 9·1+3·2+1·6 = 21; 5·3+6 = 21; 2·9 = 18; and 81 - 60 = 21 are left, another 21."""
    found = brackets(9, 90, 10, 3)
    assert [(len(bracket.begins), bracket.rungs) for bracket in found] == [
        (9, (10, 30)),
        (5, (30,)),
        (2, ()),
        (9, (10, 30)),
    ]


@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 7), st.sampled_from([1.5, 2, 3, 4]))
def test_brackets_spend_the_budget_exactly(members, units, unit, eta):
    found = brackets(members, units * unit, unit, eta)
    assert sum(bracket.steps(eta) for bracket in found) == members * units * unit
    assert len(found[0].begins) == members
    for bracket in found:
        assert all(rung % unit == 0 and 0 < rung < bracket.ends for rung in bracket.rungs)
        assert all(0 <= begins < bracket.ends for begins in bracket.begins)
        assert not bracket.rungs or set(bracket.begins) == {0}


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("slots", [1, 3, 9])
def test_one_bracket_follows_the_other_and_all_the_budget_is_spent(plan, train, mode, slots):
    run = train(plan(population_size=8, policy=Hyperband, mode=mode), lambda order: float(order.member), slots)
    assert run.member_steps == run.controller.plan.member_steps == 640
    born: dict[int, list[int]] = {}
    for birth in run.of(Birth):
        born.setdefault(birth.subpopulation, []).append(birth.member)
    assert [len(members) for members in born.values()] == [8, 5, 3, 2]
    # Who has the larger number is better; the best of each bracket, and those whom nobody stops, come to the end.
    assert sorted(run.state.members) == [7, 12, 15, 16, 17]
    assert all(member.trained_steps == 80 for member in run.state.members.values())
    left = {record.member: record.interval for record in run.of(Retire)}
    assert left == {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 8: 2, 9: 2, 10: 2, 11: 4, 13: 4, 14: 4}


def test_a_bracket_begins_when_the_one_before_is_at_its_last_rung(plan, train):
    run = train(plan(population_size=8, policy=Hyperband), slots=8)
    first_born = next(at for at, record in enumerate(run.records) if isinstance(record, Birth) and record.subpopulation)
    before = [record for record in run.records[:first_born] if isinstance(record, Report)]
    assert max(report.trained_steps for report in before) == 40
    assert sum(isinstance(record, Retire) for record in run.records[:first_born]) == 7


def test_the_two_modes_stop_the_same_members(plan, train):
    sync, free = (train(plan(population_size=9, policy=Hyperband, mode=mode), slots=4) for mode in ("sync", "async"))
    assert {record.member for record in sync.of(Retire)} == {record.member for record in free.of(Retire)}


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_bracket_of_which_all_have_diverged_costs_no_more_and_the_next_one_begins(plan, train, mode):
    usual = train(plan(population_size=4, policy=Hyperband, mode=mode))
    run = train(plan(population_size=4, policy=Hyperband, mode=mode), lambda order: math.nan)
    assert {record.interval for record in run.of(Report)} == {1}
    assert len(run.of(Birth)) == len(usual.of(Birth))


def test_a_run_that_gets_longer_trains_those_further_who_are_left(plan, train):
    run = train(plan(policy=Hyperband))
    longer = type(run.controller)(plan(policy=Hyperband, total_steps=120))
    state, decided = longer.start(longer.fold(run.records))
    assert all(record.kept for record in decided)
    assert len(longer.ask(state, 8)[1]) == len(run.state.members)


def test_phases_and_factors_without_sense_are_refused(plan):
    with pytest.raises(ConfigError, match="sizes of its own"):
        Hyperband(plan(phases=(Phase(20, 2),)))
    with pytest.raises(ConfigError, match="above 1"):
        Hyperband(plan(), eta=1)

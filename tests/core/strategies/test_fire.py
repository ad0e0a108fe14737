"""Greedy members, parents and evaluators: who copies whom, by hand."""

import math

import pytest

from pbt_gan.core.budget import Phase
from pbt_gan.core.records import Exploit, Report
from pbt_gan.core.strategies.fire import EVALUATORS, GREEDY, PARENTS, FasterImprovementRate, faster
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLORE
from pbt_gan.errors import ConfigError

EIGHT = {"population_size": 8, "total_steps": 120, "policy": FasterImprovementRate}
STILL = Strategy(explore=Rule("none", EXPLORE["none"]))


def told(run, place, rule=None):
    """The decisions at a place, by member: the rule, and whom it copied."""
    return {
        record.recipient: (record.rule, record.donor.member if record.donor else None)
        for record in run.of(Exploit)
        if record.interval * 10 == place and (rule is None or record.rule == rule)
    }


def test_of_eight_three_are_greedy_three_are_parents_and_two_evaluate(plan):
    policy = FasterImprovementRate(plan(**EIGHT))
    assert [policy.home(member) for member in range(8)] == [GREEDY] * 3 + [PARENTS] * 3 + [EVALUATORS] * 2
    policy = FasterImprovementRate(plan(**{**EIGHT, "population_size": 4}))
    assert [policy.home(member) for member in range(4)] == [GREEDY, PARENTS, PARENTS, EVALUATORS]


def test_a_curve_that_is_behind_may_be_the_faster_one():
    """By hand, from 3 on: the one rises by 1 in 10 steps, the other by 1 in 20."""
    behind = [(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)]
    ahead = [(10, 3.0), (20, 3.5), (30, 4.0)]
    assert faster(behind, ahead)
    assert not faster(ahead, behind)
    assert not faster([(10, 1.0), (20, 2.0)], ahead)  # never came to 3


def test_evaluators_take_parents_states_and_the_settings_of_the_best_greedy_one(plan, train):
    """Member 2 is the best greedy one; parents are evaluated in turn, the one that nobody has evaluated for longest."""
    run = train(plan(**EIGHT, strategy=STILL), lambda order: order.member + order.interval / 100)
    born = run.history.births
    first = {
        record.recipient: record for record in run.of(Exploit) if record.rule == "evaluate" and record.interval == 1
    }
    assert {member: record.donor.member for member, record in first.items()} == {6: 3, 7: 4}
    assert all(record.after == born[2].hyperparams for record in first.values())
    assert first[6].checkpoint == "m03-i0001"
    assert told(run, 10)[0] == ("fire", 2)  # the worst greedy one copies the best
    assert run.member_steps == 960


def flat(order):
    return 0.0


def test_without_a_winner_an_evaluation_ends_after_its_patience_and_the_next_parent_is_taken(plan, train):
    """By hand: evaluators begin at 10 with parents 3 and 4, and at 60 with 5 and, since it ended first by id, 3."""
    run = train(plan(**EIGHT, strategy=STILL), flat)
    assert told(run, 10, "evaluate") == {6: ("evaluate", 3), 7: ("evaluate", 4)}
    assert told(run, 60, "evaluate") == {6: ("evaluate", 5), 7: ("evaluate", 3)}
    assert told(run, 110, "evaluate") == {6: ("evaluate", 4), 7: ("evaluate", 3)}  # 3 and 5 ended together


def test_a_greedy_member_that_its_evaluator_has_overtaken_takes_its_state(plan, train):
    """Greedy ones stand at 10 + id; what evaluators make of parents rises by 4 an interval from 0 on.

    Smoothed, the evaluators of 10 have 4, 6, 8, 12 after 1, 2, 3, 4 intervals: at 50 that is 10 at most, and at 60 it
    is 16, beyond the 12 of the best greedy member, their child.
    """

    def score(order):
        return 4.0 * (order.interval - 1) if order.member >= 6 else 10.0 + order.member if order.member < 3 else 0.0

    run = train(plan(**EIGHT, strategy=STILL), score)
    overtaken = [record for record in run.of(Exploit) if record.rule == "overtaken"]
    assert overtaken[0].recipient == 2
    assert overtaken[0].donor.member == 7  # of two with equal scores the larger id
    place = overtaken[0].interval * 10
    assert overtaken[0].checkpoint == f"m07-i{overtaken[0].interval:04d}"
    assert told(run, place)[7][0] == "evaluate"  # which begins with another parent
    curve = [4.0 * n for n in range(1, overtaken[0].interval)]
    assert sum(curve[-3:]) / 3 > 12.0 >= sum(curve[-4:-1]) / 3  # the first place where the mean of three is beyond


def test_the_least_fit_parent_copies_the_fittest_whatever_their_scores(plan, train):
    """Parent 3 scores more, but what 7 makes of parent 4 rises faster than what 6 makes of 3."""

    def score(order):
        if order.member >= 6:
            return order.interval * (1.0 if order.member == 6 else 2.0)
        return 50.0 - order.member

    run = train(plan(**EIGHT, strategy=STILL), score)
    copies = [
        record for record in run.of(Exploit) if record.rule == "fire" and 3 <= record.recipient < 6 and record.donor
    ]
    assert copies
    assert (copies[0].recipient, copies[0].donor.member) == (3, 4)
    assert copies[0].interval == 3  # evaluated from 10 on, so curves of two points


def test_who_has_diverged_is_rescued_or_takes_another_parent(plan, train):
    lost = {(0, 2), (4, 2), (6, 2)}
    run = train(plan(**EIGHT), lambda order: math.nan if (order.member, order.interval) in lost else 1.0)
    decided = told(run, 20)
    assert decided[0][0] == decided[4][0] == "rescue"
    assert decided[6][0] == "evaluate"
    run = train(plan(**EIGHT), lambda order: math.nan)
    trained = {record.member for record in run.of(Report) if record.interval > 1}
    assert trained == set(range(6))  # where there is nobody to evaluate, evaluators that have diverged do nothing


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"phases": (Phase(20, 4),)}, {}, "keeps its size"),
        ({"population_size": 3}, {}, "4 members or more"),
        ({}, {"patience": 1}, "two points"),
    ],
)
def test_what_makes_no_sense_is_refused(plan, changes, options, message):
    with pytest.raises(ConfigError, match=message):
        FasterImprovementRate(plan(**{**EIGHT, **changes}), **options)

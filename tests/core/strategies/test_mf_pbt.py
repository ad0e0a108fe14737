"""Sub-populations: who copies whom, by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.budget import Phase
from pbt_gan.core.policy import Policy
from pbt_gan.core.population import WHOLE, Member, PopulationView
from pbt_gan.core.records import Exploit
from pbt_gan.core.strategies.mf_pbt import MultipleFrequencies, migrants
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLORE
from pbt_gan.errors import ConfigError

FAST_AND_SLOW = {"population_size": 8, "total_steps": 80, "policy": MultipleFrequencies}


def members(scores) -> list[Member]:
    """Even ids are in the first sub-population, odd ones in the second; a rate tells whose it is."""
    return [
        Member(n, {"lr": 1e-3 * (n + 1)}, 4, 40, 40, (score,), f"m{n}", {WHOLE: f"m{n}"}, subpopulation=n % 2)
        for n, score in enumerate(scores)
    ]


def decided(plan, scores, due=range(8), **changes) -> dict[int, Exploit]:
    everybody = members(scores)
    policy = MultipleFrequencies(
        plan(**FAST_AND_SLOW, strategy=Strategy(explore=Rule("none", EXPLORE["none"])), **changes)
    )
    decisions = policy.decide([everybody[n] for n in due], PopulationView.of(everybody), None)
    return {decision.recipient: decision for decision in decisions}


def donor(decision: Exploit) -> int | None:
    return decision.donor.member if decision.donor else None


def taken(decision: Exploit) -> tuple[int | None, float]:
    return donor(decision), round(float(decision.after["lr"]) * 1e3)


def test_losers_copy_winners_and_migrants_bring_their_settings_only_to_those_who_decide_more_often(plan):
    """By hand: ranks of the fast ones 0, 2, 4, 6 and of the slow ones 1, 3, 5, 7, each worst first."""
    found = decided(plan, [1, 2, 3, 4, 5, 6, 7, 8])
    assert taken(found[0]) == (6, 7)  # the fast loser takes the fast winner's state and rate
    assert taken(found[2]) == (7, 8)  # open for migration: the best of the slow ones, with its rate
    assert found[4].kept
    assert found[6].kept
    assert taken(found[1]) == (7, 8)  # the slow loser takes the slow winner's
    assert taken(found[3]) == (6, 8)  # the best of the fast ones, with the rate of the slow winner
    assert found[5].kept
    assert found[7].kept
    assert (found[0].rule, found[2].rule, found[3].copied) == ("mf-pbt", "migration", ("weights",))
    assert found[2].checkpoint == "m7"


def test_nobody_migrates_to_where_all_are_better(plan):
    found = decided(plan, [11, 2, 12, 3, 13, 4, 14, 5])
    assert found[2].kept
    assert taken(found[3]) == (6, 8)


def test_only_losers_are_explored(plan):
    everybody = members([1, 2, 3, 4, 5, 6, 7, 8])
    policy = MultipleFrequencies(plan(**FAST_AND_SLOW))
    found = policy.decide(everybody, PopulationView.of(everybody), None)
    assert [decision.recipient for decision in found if decision.operation == "perturb"] == [0, 1]


def test_the_second_of_two_that_are_open_takes_the_second_best_elsewhere():
    own, others = (
        [Member(n, {}, 1, 1, 1, (float(score),), f"m{n}") for n, score in group]
        for group in ([(n, n) for n in range(8)], [(n, n + 0.5) for n in (8, 3, 1)])
    )
    found = migrants(PopulationView.of(own), PopulationView.of(others), 2)
    assert {member: migrant.id for member, migrant in found.items()} == {3: 8, 2: 3}


@given(
    st.lists(st.floats(-9, 9) | st.just(math.nan), min_size=1, max_size=12),
    st.lists(st.floats(-9, 9) | st.just(math.nan), max_size=12),
)
def test_migrants_are_better_than_those_who_take_them_and_nobody_is_taken_twice(ours, theirs):
    own, others = (
        [Member(n, {}, 1, 1, 1, (score,), f"m{n}") for n, score in enumerate(scores, first)]
        for first, scores in ((0, ours), (50, theirs))
    )
    quarter = max(len(own) // 4, 1)
    found = migrants(PopulationView.of(own), PopulationView.of(others), quarter)
    assert len({migrant.id for migrant in found.values()}) == len(found) <= quarter
    assert all(migrant.score > own[member].score for member, migrant in found.items())


def test_who_has_diverged_is_rescued(plan):
    found = decided(plan, [math.nan, 2, 3, 4, 5, 6, math.nan, 8])
    assert found[0].rule == found[6].rule == "rescue"
    assert {donor(found[0]), donor(found[6])} <= {4, 5, 7}
    assert all(d.rule == "rescue" and not d.sources for d in decided(plan, [math.nan] * 8).values())


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_sub_population_decides_at_its_own_interval(plan, train, mode):
    run = train(plan(**FAST_AND_SLOW, mode=mode))
    decided_at = {
        number: {record.interval for record in run.of(Exploit) if record.recipient % 2 == number} for number in (0, 1)
    }
    assert decided_at == {0: set(range(1, 8)), 1: {4}}
    assert {birth.subpopulation for birth in run.history.births.values()} == {0, 1}
    assert run.member_steps == 640


def test_synchronous_decisions_do_not_depend_on_the_number_of_slots(plan, train):
    one, many = (train(plan(**FAST_AND_SLOW), slots=slots) for slots in (1, 8))
    assert sorted(map(repr, one.records)) == sorted(map(repr, many.records))


def test_an_explore_rule_remembers(plan, train):
    run = train(plan(**FAST_AND_SLOW, strategy=Strategy(explore=Rule("settle", EXPLORE["settle"]))))
    assert run.state.memory


def test_members_of_a_policy_that_says_nothing_live_together(plan):
    assert Policy.home(MultipleFrequencies(plan(**FAST_AND_SLOW)), 5) == 0


@pytest.mark.parametrize(
    ("changes", "intervals", "message"),
    [
        ({"phases": (Phase(20, 4),)}, [1, 4], "keeps its size"),
        ({}, [4, 1], "go up"),
        ({}, [], "go up"),
        ({}, [1, 2, 3, 4, 5], "two members or more"),
    ],
)
def test_what_makes_no_sense_is_refused(plan, changes, intervals, message):
    with pytest.raises(ConfigError, match=message):
        MultipleFrequencies(plan(**{**FAST_AND_SLOW, **changes}), intervals=intervals)

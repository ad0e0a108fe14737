"""Populations and budgets as a configuration says them, and as a run keeps them."""

import re

import pytest

from pbt_gan.config.population import remarks, settled
from pbt_gan.config.settings import PBTSettings
from pbt_gan.config.source import merged, presets, read_config
from pbt_gan.core.budget import Phase, member_steps
from pbt_gan.errors import ConfigError
from pbt_gan.runs.project import Project
from pbt_gan.validation import validated


def said(**settings) -> PBTSettings:
    return validated(PBTSettings, {"ready_interval": 50, **settings}, "pbt")


def spent(pbt: PBTSettings) -> int:
    return member_steps(pbt.population_size, [Phase(p.begins, p.members) for p in pbt.phases], pbt.total_steps)


def test_shares_of_a_budget_become_steps():
    pbt = settled(said(population=[[0, 8], [1 / 6, 4], [1 / 4, 2], [1 / 3, 1]], budget_steps=2_400))
    assert [(phase.begins, phase.members) for phase in pbt.phases] == [(50, 4), (100, 2), (200, 1)]
    assert (pbt.population_size, pbt.total_steps, spent(pbt)) == (8, 1_800, 2_400)
    assert (pbt.population, pbt.budget_steps) == (None, None)


def test_a_rule_halves_whatever_number_the_population_begins_with():
    pbt = settled(said(population={"rule": "halving", "share": 0.5, "last": 2}, population_size=16, budget_steps=9_600))
    assert [phase.members for phase in pbt.phases] == [8, 4, 2]
    assert abs(spent(pbt) - 9_600) <= 100


def test_a_rule_may_stand_there_by_its_name_alone():
    assert said(population="halving").population == said(population={"rule": "halving"}).population


def test_a_budget_alone_is_shared_evenly_and_a_length_alone_is_kept():
    assert settled(said(population_size=4, budget_steps=1_000)).total_steps == 250
    assert settled(said(population=[[0, 4], [0.5, 1]], total_steps=1_000)).total_steps == 1_000
    assert settled(said(population_size=4)) == said(population_size=4)


def test_what_is_settled_stays_as_it_is_and_a_longer_run_lengthens_its_last_phase():
    pbt = settled(said(population=[[0, 8], [0.5, 1]], budget_steps=1_600))
    assert settled(pbt) == pbt
    longer = settled(validated(PBTSettings, merged(pbt.model_dump(exclude_none=True), {"budget_steps": 2_600})))
    assert (longer.phases, longer.total_steps) == (pbt.phases, pbt.total_steps + 1_000)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"budget_steps": 100, "total_steps": 100}, "leave one out"),
        ({"population": {"rule": "halving", "members": 8}}, "members = 8 belongs beside the rule, as population_size"),
        ({"population": [[0, 8]], "population_size": 4}, "begins with 8 members, and population_size = 4"),
        ({"population": [[0.1, 8]]}, "begin at 0"),
        ({"population": [[0, 8], [0.5, 4], [0.5, 2]]}, "go up to below 1"),
        ({"population": [[0, 8], [1.0, 4]]}, "go up to below 1"),
        ({"population": [[0, 8], [0.5, 0]]}, "at least 1"),
        ({"population": []}, "a list of pairs"),
        ({"population": [8, 4]}, "a list of pairs"),
        ({"population": {"rule": "halving", "last": 20}}, r"last = 20 of 10 members"),
        ({"population": {"rule": "halving", "eta": 1}}, r"pbt\.population\.eta = 1"),
        ({"population": "halfing"}, r"pbt\.population\.rule = 'halfing': .* Did you mean 'halving'"),
        ({"population": 8}, "population = 8: it says how many members there are when"),
        ({"phases": [{"begins": 70, "members": 4}]}, "multiples of the 50 steps"),
        ({"phases": [{"begins": 100, "members": 4}], "total_steps": 100}, "ends before"),
        ({"phases": [{"begins": 100, "members": 4}], "population": [[0, 2]]}, "leave one out"),
    ],
)
def test_a_population_that_makes_no_sense_is_refused_with_the_reason(settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        said(**settings)


def test_a_later_word_takes_the_place_of_an_earlier_one_that_said_it_in_another_way():
    base = {"pbt": {"total_steps": 100, "population_size": 4, "phases": [{"begins": 10, "members": 2}]}}
    assert merged(base, {"pbt": {"budget_steps": 300}})["pbt"].keys() == {"budget_steps", "population_size", "phases"}
    assert merged(base, {"pbt": {"population": [[0, 8]]}})["pbt"].keys() == {"total_steps", "population"}


def test_a_run_keeps_its_phases_and_knows_how_many_orders_it_takes():
    pbt = {"population": [[0, 8], [0.5, 1]], "budget_steps": 160, "ready_interval": 5}
    project = Project(read_config("quadratic", [{"pbt": pbt}]))
    assert project.config.pbt.phases
    assert project.plan.member_steps == 160
    assert project.total_orders == 32


@pytest.mark.parametrize("name", presets())
def test_a_preset_spends_its_budget_and_judges_nobody_by_a_first_score(name):
    asked = read_config(name).pbt
    pbt = settled(asked)
    unit = pbt.score_interval or pbt.ready_interval
    if asked.budget_steps is not None:
        assert spent(pbt) == pytest.approx(asked.budget_steps, rel=0.02)
    first = pbt.phases[0].begins if pbt.phases else pbt.total_steps
    assert first % unit == 0
    assert first >= 2 * unit  # at the first score averaged weights still hold much of the initial ones
    assert [*remarks(asked, pbt)] == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"budget_steps": 400},
            "pbt.budget_steps = 400 is little: with 50 steps between two scores .* trains 750 in all",
        ),
        ({"total_steps": 100}, "pbt.total_steps = 100 ends with 4 members, not with 1"),
        ({"budget_steps": 8_000, "exploit": "tournament"}, "'tournament' and .* = 'perturb' serve only to rescue"),
        ({"budget_steps": 8_000, "explore": "settle"}, "'settle' serve only to rescue .*warmup = 0.34 of the budget"),
    ],
)
def test_what_a_plan_cannot_keep_is_told(settings, told):
    asked = said(population={"rule": "halving"}, population_size=8, selection={"warmup": 0.34}, **settings)
    (remark,) = remarks(asked, settled(asked))
    assert re.search(told, remark)


@pytest.mark.parametrize(
    "settings",
    [
        {"population": [[0, 8]], "exploit": "tournament"},
        {"population": [[0, 8], [0.1, 4]], "exploit": "tournament"},
        {"exploit": "tournament", "selection": {"warmup": 0.1}},
        {"exploit": "tournament", "selection": None},
        {"exploit": "none"},
    ],
)
def test_of_a_rule_that_has_something_to_do_or_is_none_nothing_is_told(settings):
    halving = {"population": {"rule": "halving"}, "selection": {"warmup": 0.34}}
    asked = said(**{**halving, "budget_steps": 8_000, **settings})
    assert [*remarks(asked, settled(asked))] == []


def test_what_a_plan_cannot_keep_is_told_before_it_trains(caplog):
    pbt = {"population": {"rule": "halving"}, "population_size": 8, "total_steps": 10, "ready_interval": 5}
    Project(read_config("quadratic", [{"pbt": pbt}]))
    assert caplog.messages == [
        "pbt.total_steps = 10 ends with 4 members, not with 1: each number of members trains for at least the 5 steps "
        "between two scores."
    ]

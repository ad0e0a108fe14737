"""A search, and a training anew."""

import math

import pytest

from pbt_gan.core.budget import Phase
from pbt_gan.core.records import Birth, Exploit, Retire
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Selection
from pbt_gan.core.space import draw
from pbt_gan.core.strategies.two_stage import TwoStages
from pbt_gan.core.strategy import Strategy
from pbt_gan.errors import ConfigError

SEARCH = {"population_size": 4, "total_steps": 80, "phases": (Phase(20, 1),), "policy": TwoStages}


def by_member(order):
    """Member 2 is the best of the first four; whoever comes later is better still."""
    return [1.0, 3.0, 4.0, 2.0, 5.0, 6.0][order.member]


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("slots", [1, 3, 8])
def test_a_new_member_trains_at_the_best_setting_with_all_the_rest(plan, train, mode, slots):
    run = train(plan(**SEARCH, mode=mode), by_member, slots)
    assert [record.member for record in run.of(Retire)] == [0, 1, 2, 3]
    (born,) = run.of(Birth)[4:]
    assert (born.member, born.step, born.sources, born.trained_steps) == (4, 0, {}, 20)
    assert born.hyperparams == run.history.births[2].hyperparams
    assert born.origin == "anew at the setting of member 2, with 4"
    assert [report.step for report in run.history.by_member[4]] == [10, 20, 30, 40, 50, 60]
    assert run.history.ancestry(4, 6)[0].start_step == 0
    assert not run.of(Exploit)
    assert run.member_steps == run.controller.plan.member_steps == 4 * 20 + 60


def test_several_may_train_in_the_second_stage_each_at_a_setting_of_its_own(plan, train):
    run = train(plan(**{**SEARCH, "phases": (Phase(20, 2),)}), by_member)
    assert [born.hyperparams for born in run.of(Birth)[4:]] == [run.history.births[m].hyperparams for m in (2, 1)]


def test_settings_rank_as_the_selection_sees_them(plan, train):
    """By the mean of both scores member 1 is ahead, and by the last one member 2: by hand."""
    scores = {(1, 1): 6.0, (1, 2): 3.0, (2, 1): 1.0, (2, 2): 4.0}
    for selection, best in ((Selection(), 2), (Selection(by="mean", last=2), 1)):
        made = plan(**SEARCH, strategy=Strategy(selection=selection))
        run = train(made, lambda order: scores.get((order.member, order.interval), 0.0))
        assert run.of(Birth)[4].origin.startswith(f"anew at the setting of member {best},")


def test_where_all_have_diverged_the_best_setting_of_the_run_is_trained_or_a_drawn_one(plan, train):
    run = train(plan(**SEARCH), lambda order: 1.0 if (order.member, order.interval) == (3, 1) else math.nan)
    assert run.of(Birth)[4].hyperparams == run.history.births[3].hyperparams
    run = train(plan(**SEARCH), lambda order: math.nan)
    assert run.of(Birth)[4].origin == "drawn"
    assert run.of(Birth)[4].hyperparams == draw(run.controller.plan.space, stream(0, "birth", 4))


@pytest.mark.parametrize("phases", [(), (Phase(20, 2), Phase(40, 1)), (Phase(20, 4),)])
def test_another_population_than_two_stages_is_refused(plan, phases):
    made = plan(**{**SEARCH, "phases": phases})
    with pytest.raises(ConfigError, match=r"population = \[\[0, 8\], \[0.3, 1\]\]"):
        TwoStages(made)


def test_a_run_that_gets_longer_trains_its_last_member_further(plan, train):
    run = train(plan(**SEARCH), by_member)
    longer = type(run.controller)(plan(**{**SEARCH, "total_steps": 100}))
    state, decided = longer.start(longer.fold(run.records))
    assert not decided
    assert [order.steps for order in longer.ask(state, 8)[1]] == [10]

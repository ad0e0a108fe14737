"""Restarts with a growing interval, by hand."""

import math
from functools import partial

import pytest

from pbt_gan.core.budget import Phase
from pbt_gan.core.records import Exploit
from pbt_gan.core.strategies.ipbt import IteratedPBT
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLORE
from pbt_gan.errors import ConfigError

STALLING = {"total_steps": 200, "policy": partial(IteratedPBT, patience=2)}


def never_better(order):
    """Member 3 is the best; nobody's score ever rises."""
    return float(order.member)


def test_the_interval_doubles_each_time_that_nobody_gets_better_until_too_little_is_left(plan, train):
    """By hand: the first score counts as better, so restarts come at 30, at 30 + 3 · 20 = 90, and 90 + 3 · 40 is past.

    At 90 two ready points of 40 fit into the 110 that are left; then none of 80 does.
    """
    run = train(plan(**STALLING), never_better)
    assert sorted({record.interval * 10 for record in run.of(Exploit) if record.rule == "restart"}) == [30, 90]
    assert sorted({record.interval * 10 for record in run.of(Exploit)}) == [10, 20, 30, 50, 70, 90, 130, 170]
    assert run.member_steps == 800


def test_asynchronous_members_begin_an_iteration_when_they_come_to_their_ready_points(plan, train):
    run = train(plan(**STALLING, mode="async"), never_better)
    assert run.member_steps == 800
    restarts = [record.recipient for record in run.of(Exploit) if record.rule == "restart"]
    assert set(restarts) == {0, 1, 2, 3}  # one that is far behind begins the latest only
    assert run.state.memory["number"] == max(run.state.memory["joined"].values()) == 2
    assert run.state.memory["interval"] == 10 * 2 ** run.state.memory["number"]


def test_at_a_restart_the_worse_half_takes_the_states_of_the_better_and_settings_begin_anew(plan, train):
    """By hand: of ranks 0, 1, 2, 3 the first two copy ranks 2 and 3; every other one draws, and the best one stays."""
    run = train(plan(**STALLING, strategy=Strategy(exploit=Rule("none", lambda *_: None))), never_better)
    first = {
        record.recipient: record for record in run.of(Exploit) if record.rule == "restart" and record.interval == 3
    }
    assert [first[n].donor and first[n].donor.member for n in range(4)] == [2, 3, None, None]
    assert [first[n].operation for n in range(4)] == ["perturb", "resample", "perturb", "none"]
    assert first[3].kept
    best = run.history.births[3].hyperparams["lr"]
    assert all(
        first[n].after["lr"] / best == pytest.approx(0.8) or first[n].after["lr"] / best == pytest.approx(1.2)
        for n in (0, 2)
    )
    assert first[0].checkpoint == "m02-i0003"


def test_while_scores_rise_it_is_pbt(plan, train):
    rising = lambda order: order.interval + order.member / 10  # noqa: E731
    made = plan(policy=partial(IteratedPBT, patience=2))
    iterated, usual = train(made, rising), train(plan(), rising)
    plain = [(r.recipient, r.interval, r.donor, r.after) for r in iterated.of(Exploit)]
    assert plain == [(r.recipient, r.interval, r.donor, r.after) for r in usual.of(Exploit)]


def test_where_all_have_diverged_pbt_rescues(plan, train):
    run = train(plan(**STALLING), lambda order: math.nan)
    assert {record.rule for record in run.of(Exploit)} == {"rescue"}


def test_rules_that_remember_do_so_across_restarts(plan, train):
    def counting(recipient, view, rng, *, memory):
        return None, (memory or 0) + 1

    strategy = Strategy(exploit=Rule("counting", counting), explore=Rule("settle", EXPLORE["settle"]))
    run = train(plan(**STALLING, strategy=strategy), never_better)
    asked = sum(record.rule == "counting" for record in run.of(Exploit))
    assert asked
    assert run.state.memory["rules"] == asked


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"phases": (Phase(20, 2),)}, {}, "keeps its size"),
        ({}, {"patience": 0}, "patience = 0"),
        ({}, {"growth": 0}, "growth = 0"),
        ({"strategy": Strategy(when="proved")}, {}, "Leave it out"),
    ],
)
def test_what_makes_no_sense_is_refused(plan, changes, options, message):
    with pytest.raises(ConfigError, match=message):
        IteratedPBT(plan(**changes), **options)

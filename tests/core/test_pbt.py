"""Population Based Training under a selection, with copies on trial and restarts."""

import json
import math
import statistics
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from pbt_gan.core.budget import Phase
from pbt_gan.core.controller import Controller
from pbt_gan.core.pbt import PopulationBasedTraining
from pbt_gan.core.plan import Plan
from pbt_gan.core.population import WHOLE
from pbt_gan.core.records import Exploit, Report, Retire, from_json, to_json
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Ranked, Selection
from pbt_gan.core.space import Float, Range
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLOIT, EXPLORE
from pbt_gan.errors import ConfigError

SPACE = {"lr": Float(Range(1e-4, 1e-2), (1e-9, 1e3), "log")}


def plan(size=10, total=10, *, seed=0, mode="sync", policy=PopulationBasedTraining, phases=(), every=1, **strategy):
    usual = Strategy(
        Rule("truncation", EXPLOIT["truncation"], {"fraction": 0.2}), Rule("perturb", EXPLORE["perturb"], {})
    )
    return Plan(
        space=SPACE, population_size=size, total_steps=total, ready_interval=every, score_interval=1, seed=seed,
        mode=mode, policy=policy, phases=phases, strategy=replace(usual, **strategy),
    )  # fmt: skip


def trained(of, score, error=lambda order: None, state=None):
    """Train a population to its end, from a state on; return its records and its last state."""
    controller = Controller(of)
    state, records = controller.start(state or State())
    log = [*records]
    while not controller.done(state):
        # Asynchronous members come one at a time, so that what follows from a state is always the same.
        state, orders = controller.ask(state, of.largest if of.mode == "sync" else 1)
        assert {key for order in orders for key in order.sources.values()} <= controller.needed(state)
        answers = [
            Report.of(
                order, score=float(score(order, state.members[order.member])), hyperparams=order.hyperparams,
                score_error=error(order), worker="",
            )
            for order in orders
        ]  # fmt: skip
        state, records = controller.tell(state, answers)
        log += records
    return log, state


def noise(order, member):
    return stream(11, "noise", order.member, order.interval).normal()


def copies(records):
    return [record for record in records if isinstance(record, Exploit) and record.donor is not None]


def founders(records):
    """Return of whom the last states descend."""
    founder: dict[str, int] = {}
    going: dict[int, int] = {}
    for record in records:
        if isinstance(record, Report):
            founder[record.checkpoint] = going.setdefault(record.member, record.member)
        elif isinstance(record, Exploit):
            going[record.recipient] = founder[record.sources[WHOLE]]
    return set(going.values())


# Selection


@pytest.mark.slow
def test_on_noise_a_minimum_gap_leaves_far_more_founders():
    def left(min_gap, **told):
        return statistics.mean(
            len(founders(trained(plan(seed=seed, selection=Selection(min_gap=min_gap)), noisy(seed), **told)[0]))
            for seed in range(12)
        )

    def noisy(seed):
        return lambda order, member: stream(seed, "noise", order.member, order.interval).normal()

    assert left(0.0) < 5
    assert left(2.5, error=lambda order: 1.0) > 7.5
    assert left(2.5) > 7  # the error estimated


def test_a_true_difference_of_three_standard_errors_is_still_found():
    found = 0
    for seed in range(40):
        records, _ = trained(
            plan(2, 2, seed=seed, selection=Selection(min_gap=1.5)),
            lambda order, member, seed=seed: (
                3 * math.sqrt(2) * order.member + stream(seed, "noise", order.member, order.interval).normal()
            ),
            error=lambda order: 1.0,
        )
        found += any(copy.donor.member == 1 for copy in copies(records))
    assert found >= 34  # Φ(3 − 1.5) = 0.93 of 40 are 37


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_nobody_copies_before_its_share_of_the_budget(mode):
    records, _ = trained(plan(mode=mode, selection=Selection(warmup=0.5)), noise)
    intervals = {record.interval for record in copies(records)}
    assert min(intervals) == 5
    shrinking = plan(
        mode=mode, total=20, phases=(Phase(5, 5),), selection=Selection(warmup=0.5)
    )  # 50 member steps of 125 where they are ten, so that the half is spent at 5 + 12.5 / 5
    records, _ = trained(shrinking, noise)
    assert min(record.interval for record in copies(records)) in (8, 9)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_whoever_has_copied_does_not_copy_again_before_its_age(mode):
    records, state = trained(plan(total=20, mode=mode, selection=Selection(min_age=4)), noise)
    last: dict[int, int] = {}
    for record in copies(records):
        assert record.interval - last.get(record.recipient, -4) >= 4
        last[record.recipient] = record.interval
    assert any(count > 1 for count in Counter(record.recipient for record in copies(records)).values())
    assert state.memory["copied"].keys() <= set(map(str, state.members))


def test_members_retire_by_what_the_selection_sees():
    scores = {0: [9.0, 9.0, 9.0, 2.0], 1: [1.0, 1.0, 1.0, 3.0]}
    expected: dict[Ranked, int] = {"latest": 0, "mean": 1}
    for by, leaves in expected.items():
        records, _ = trained(
            plan(2, 8, every=4, phases=(Phase(4, 1),), selection=Selection(by, last=4)),
            lambda order, member: (scores[order.member] + [5.0] * 4)[order.interval - 1],
        )
        assert [record.member for record in records if isinstance(record, Retire)] == [leaves]


def test_a_donor_hands_over_what_was_measured_and_not_what_ranked():
    records, _ = trained(plan(4, 6, selection=Selection("mean", last=3)), noise)
    reports = {record.checkpoint: record for record in records if isinstance(record, Report)}
    for record in copies(records):
        assert record.scores[-1] == reports[record.donor.checkpoint].score


def test_a_rule_whose_donor_is_refused_remembers_nothing_of_it():
    def counting(recipient, view, rng, *, memory):
        return view.at(len(view) - 1), (memory or 0) + 1

    exploit = Rule("counting", counting)
    _, state = trained(plan(3, 3, exploit=exploit, selection=Selection(min_gap=1e9)), noise, lambda order: 1.0)
    assert state.memory is None
    _, state = trained(plan(3, 3, exploit=exploit), noise)
    assert state.memory == 6  # of three at two ready points; those at the end reach no training


# On trial


def trial(after):
    """Two members, of whom the first copies the second at 1, and then scores so much."""
    scores = {(0, 1): 0.0, (1, 1): 5.0, (0, 2): after, (1, 2): 6.0, (0, 3): 9.0, (1, 3): 6.5}
    records, _ = trained(
        plan(2, 4, when="proved", exploit=Rule("truncation", EXPLOIT["truncation"], {"fraction": 0.5})),
        lambda order, member: scores.get((order.member, order.interval), 7.0),
        error=lambda order: 0.1,
    )
    return [record for record in records if isinstance(record, Exploit) and record.recipient == 0]


def test_a_copy_goes_on_as_its_donor_did_and_explores_when_it_has_held_its_score():
    first, second, *_ = trial(after=4.9)
    assert (first.operation, first.copied, first.donor.member) == ("none", ("weights", "hyperparams"), 1)
    assert (second.rule, second.operation, second.donor, second.copied) == ("proved", "perturb", None, ())
    assert second.after["lr"] != second.before["lr"] == first.after["lr"]
    assert "held the 5 of member 1" in second.reason


def test_a_copy_that_does_worse_is_decided_about_anew():
    first, second, *_ = trial(after=4.0)
    assert second.rule == "truncation"  # the other one is still better: a new copy, on trial again
    assert second.operation == "none"
    assert second.donor.interval == 2 > first.donor.interval


def test_a_copy_that_does_worse_and_finds_no_donor_goes_back_to_where_it_began():
    def once(recipient, view, rng, *, memory):
        return (view.at(len(view) - 1), 1) if memory is None and recipient.id == 0 else (None, memory)

    scores = {(0, 1): 0.0, (1, 1): 5.0, (0, 2): 2.0}
    records, state = trained(
        plan(2, 4, when="proved", exploit=Rule("once", once)),
        lambda order, member: scores.get((order.member, order.interval), 5.5),
        error=lambda order: 0.1,
    )
    first, second, third = (r for r in records if isinstance(r, Exploit) and r.recipient == 0)
    assert second.rule == "back"
    assert (second.sources, second.step, second.scores) == (first.sources, first.step, first.scores)
    assert second.donor == first.donor
    assert second.operation == "perturb"
    assert second.after["lr"] != first.after["lr"]
    assert third.kept
    assert state.memory == 1


def test_whoever_is_rescued_is_on_trial_too():
    scores = {(0, 1): math.nan, (0, 2): 4.0}
    records, _ = trained(plan(2, 3, when="proved"), lambda order, _: scores.get((order.member, order.interval), 5.0))
    first, second = (record for record in records if isinstance(record, Exploit) and record.recipient == 0)
    assert (first.rule, first.operation) == ("rescue", "none")
    assert second.rule == "truncation"


# Restarts


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_when_nobody_gets_better_the_worse_half_starts_again_from_the_best_of_the_run(mode):
    def score(order, member):
        return 10.0 if (order.member, order.interval) == (3, 2) else noise(order, member)

    def policy(plan):
        return PopulationBasedTraining(plan, patience=3)

    records, _ = trained(plan(4, 12, mode=mode, policy=policy, exploit=Rule("none", EXPLOIT["none"])), score)
    restarts = [record for record in copies(records) if record.rule == "restart"]
    assert {record.donor.checkpoint for record in restarts} == {"m03-i0002"}
    assert min(record.interval for record in restarts) == 5
    places: dict[int, list[int]] = {}
    for record in restarts:
        assert record.operation == "perturb"
        places.setdefault(record.recipient, []).append(record.interval)
    assert all(later - earlier >= 3 for own in places.values() for earlier, later in pairwise(own))
    if mode == "sync":
        assert Counter(record.interval for record in restarts)[5] == 2


def test_while_somebody_gets_better_nobody_starts_again():
    records, _ = trained(
        plan(4, 12, policy=lambda plan: PopulationBasedTraining(plan, patience=2)),
        lambda order, member: order.interval + 0.1 * order.member,
    )
    assert not any(record.rule == "restart" for record in copies(records))


def test_patience_is_a_number_of_ready_points():
    with pytest.raises(ConfigError, match="patience"):
        PopulationBasedTraining(plan(), patience=0)


# All of it


EVERYTHING: dict[str, Any] = {
    "when": "proved",
    "selection": Selection("mean", last=3, min_gap=0.5, warmup=0.1, min_age=2),
    "explore": Rule("settle", EXPLORE["settle"], {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("cut", range(10, 120, 13))
def test_a_run_that_is_resumed_goes_on_as_it_would_have(mode, cut):
    whole = plan(
        6, 16, mode=mode, phases=(Phase(8, 3),), policy=lambda plan: PopulationBasedTraining(plan, patience=3),
        **EVERYTHING,
    )  # fmt: skip
    records, state = trained(whole, noise, lambda order: 0.5)
    journaled = [from_json(json.loads(json.dumps(to_json(record)))) for record in records[:cut]]
    while not isinstance(journaled[-1], Report):  # a decision is journaled together with what it follows from
        journaled.pop()
    resumed = Controller(whole).fold(journaled)
    later, end = trained(whole, noise, lambda order: 0.5, resumed)
    assert [*journaled, *later] == records
    assert end == state
    assert {record.rule for record in records if isinstance(record, Exploit)} >= {"truncation", "proved", "restart"}


def test_nothing_is_remembered_when_all_of_it_is_off():
    records, state = trained(plan(), noise)
    assert state.memory is None
    assert not any(isinstance(record, Exploit) and record.memory for record in records)

"""Asynchronous halving: PBT's phases where nobody copies and nobody waits longer than it must."""

from collections.abc import Callable

import pytest

from pbt_gan.core.budget import Phase
from pbt_gan.core.population import Order
from pbt_gan.core.records import Exploit, Retire
from pbt_gan.core.rng import stream
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.core.tables import EXPLOIT

ALONE = Strategy(exploit=Rule("none", EXPLOIT["none"]))
RUNGS = {"phases": (Phase(10, 2), Phase(30, 1)), "total_steps": 60, "strategy": ALONE, "mode": "async"}


def scored(*at_first: float) -> Callable[[Order], float]:
    return lambda order: at_first[order.member]


@pytest.mark.parametrize(
    ("scores", "first_rung", "last"),
    [
        # One worker trains the youngest first, so they arrive as 0, 1, 2, 3. Of two that are there one may go on, and
        # of four two: the better of the first two, and then the best one that still waits.
        ([1.0, 4.0, 3.0, 2.0], [1, 2], 1),
        ([2.0, 1.0, 5.0, 4.0], [0, 2], 2),  # 0 is third of all, but was the better one of two: the price of not waiting
        ([4.0, 3.0, 2.0, 1.0], [0, 1], 0),
    ],
)
def test_who_goes_on_by_hand(plan, train, scores, first_rung, last):
    run = train(plan(**RUNGS), scored(*scores), slots=1)
    left = {record.member: record.interval for record in run.of(Retire)}
    assert sorted(left) == sorted({0, 1, 2, 3} - {last})
    assert sorted(member for member in range(4) if left.get(member, 9) > 1) == first_rung
    assert sorted(run.state.members) == [last]
    assert run.member_steps == run.controller.plan.member_steps == 4 * 10 + 2 * 20 + 30


def test_nobody_copies_or_moves(plan, train):
    run = train(plan(**RUNGS))
    assert all(record.kept for record in run.of(Exploit))
    assert {born.origin for born in run.history.births.values()} == {"drawn"}


def test_the_best_one_comes_to_the_end_and_not_to_wait_costs_those_behind_it(plan, train):
    """Eight of whom one comes to the end, over 10 seeds; scores at a rung are true."""
    eight = {"population_size": 8, "phases": (Phase(10, 4), Phase(20, 2), Phase(40, 1)), "total_steps": 60}
    at_the_first_rung = {"sync": 0, "async": 0}
    for seed in range(10):
        merits = stream(seed, "merits").normal(size=8)
        best_four = set(map(int, merits.argsort()[-4:]))
        for mode in ("sync", "async"):
            run = train(plan(**{**RUNGS, **eight, "mode": mode}), scored(*merits))
            assert list(run.state.members) == [int(merits.argmax())]
            gone = {record.member for record in run.of(Retire) if record.interval == 1}
            at_the_first_rung[mode] += len(gone & best_four)
    assert at_the_first_rung["sync"] == 0
    assert 0 < at_the_first_rung["async"] <= 10  # of 40

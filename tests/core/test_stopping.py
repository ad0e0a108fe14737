import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Plan
from pbt_gan.core.records import Birth, Exploit, Measurement, Record, Report, Retire
from pbt_gan.core.space import Float, Range
from pbt_gan.core.stopping import Goals, Progress, Stopping, reached
from pbt_gan.errors import TaskError
from tests.core.running import train

INTERVAL = 10


def report(member: int, interval: int, score: float, images: int = 100, cost_s: float = 2.0) -> Report:
    steps = interval * INTERVAL
    return Report(member, interval, steps, steps, score, {}, {}, f"m{member}-i{interval}", images=images, cost_s=cost_s)


def followed(goals: Goals, records: list[Record], mode="async") -> Stopping:
    stopping = Stopping(goals, mode, INTERVAL)
    stopping.follow(records)
    return stopping


def born(count: int) -> list[Record]:
    return [Birth(member, {}, "drawn") for member in range(count)]


@pytest.mark.parametrize(
    ("goals", "said"),
    [
        (Goals(score=0.5), "stop.score = 0.5: the best has 0.75"),
        (Goals(score=0.75), "stop.score = 0.75: the best has 0.75"),
        (Goals(score=0.8), None),
        (Goals(cost_s=4), "stop.cost_s = 4: 4 device seconds were spent"),
        (Goals(cost_s=4.5), None),
        (Goals(images=150), "stop.images = 150: 200 were seen"),
        (Goals(images=201), None),
        (Goals(score=0.8, images=1), "stop.images = 1: 200 were seen"),
        (Goals(), None),
    ],
)
def test_a_goal_is_reached_by_what_the_records_say(goals, said):
    assert followed(goals, [*born(2), report(0, 1, 0.75), report(1, 1, math.nan)]).reason() == said


def test_a_rule_of_ones_own_sees_the_records_and_says_why():
    def enough(run: Progress) -> str | bool:
        return f"{len(run.records)} records,\n best {run.best.score}" if run.best else False

    assert followed(Goals(rule=enough), born(2)).reason() is None
    found = followed(Goals(rule=enough), [*born(1), report(0, 1, 0.25)])
    assert found.reason() == "stop.rule: 2 records, best 0.25"
    assert followed(Goals(rule=lambda run: True), born(1)).reason() == "stop.rule: it returned true"
    assert len(followed(Goals(score=1.0), born(1)).progress.records) == 0  # nobody asks for them


def test_a_rule_that_raises_is_told_by_its_line():
    with pytest.raises(
        TaskError, match=r"stop\.rule raised ZeroDivisionError.*test_stopping\.py, line \d+, and resume"
    ):
        reached(Goals(rule=lambda run: 1 / 0), Progress())


def test_patience_counts_ready_intervals_that_everybody_has_trained_through_without_a_better_best():
    records = born(2)
    told = []
    for interval, scores in enumerate([(0.1, 0.2), (0.2, 0.1), (0.15, 0.2), (0.3, 0.0), (0.0, 0.3)], 1):
        records += [report(member, interval, score) for member, score in enumerate(scores)]
        told.append(followed(Goals(patience=1), records).progress.stale)
    assert told == [0, 1, 2, 0, 1]


def test_who_is_slow_holds_patience_up_and_who_has_retired_does_not():
    fast: list[Record] = [report(0, interval, -interval) for interval in range(1, 5)]
    assert followed(Goals(patience=1), [*born(2), *fast]).progress.stale == 0
    assert followed(Goals(patience=1), [*born(2), *fast, Retire(1, 0, "")]).progress.stale == 3
    assert followed(Goals(patience=1), [*born(2), *fast, report(1, 1, -9)]).progress.stale == 0
    assert followed(Goals(patience=1), [*born(2), *fast, report(1, 1, -9), report(1, 2, -9)]).progress.stale == 1


def test_patience_goes_on_where_all_retire_and_others_begin_at_the_beginning():
    records: list[Record] = [*born(1), report(0, 1, 1.0), report(0, 2, 0.5), Retire(0, 2, ""), Birth(1, {}, "drawn")]
    assert followed(Goals(patience=1), records).progress.stale == 1
    again = [*records, Report(1, 1, 10, 10, 0.2, {}, {}, "m1-i1")]
    assert followed(Goals(patience=1), again).progress.stale == 2


def test_a_rescued_member_stands_where_its_decision_puts_it():
    records = [*born(2), report(0, 1, 1.0), Report(1, 1, 4, 4, math.nan, {}, {}, "m1-i1")]
    rescue = Exploit(1, 1, None, (), "none", {}, {}, "rescue", "", trained_steps=10)
    assert followed(Goals(patience=1), [*records, rescue, report(0, 2, 0.5)]).progress.stale == 0
    more = [*records, rescue, report(0, 2, 0.5), report(1, 2, 0.5)]
    assert followed(Goals(patience=1), more).progress.stale == 1


def test_a_best_that_was_luck_is_the_best_no_more():
    records: list[Record] = [*born(2), report(0, 1, 0.9), report(1, 1, 0.6)]
    assert followed(Goals(score=0.8), records).reason()
    again = Measurement(0, 1, 1, 0.1, {}, cost_s=3.0)
    found = followed(Goals(score=0.8), [*records, again])
    assert found.reason() is None
    assert found.progress.best is not None
    assert (found.progress.best.member, found.progress.cost_s) == (1, 7.0)


def plan(**changes) -> Plan:
    lengths = {"population_size": 3, "total_steps": 60, "ready_interval": INTERVAL, "score_interval": 5}
    return Plan(space={"lr": Float(Range(0.1, 1.0), (0.01, 10.0))}, seed=0, **{**lengths, **changes})


def test_a_synchronous_run_is_looked_at_where_all_stand_at_one_place():
    looks: list[set[int]] = []

    def places(run: Progress) -> bool:
        last = {each.member: each.trained_steps for each in run.records if isinstance(each, Report)}
        looks.append(set(last.values()))
        return False

    _, records = train(Controller(plan()))
    stopping = Stopping(Goals(rule=places), "sync", INTERVAL)
    for record in records:
        stopping.follow([record])
        stopping.reason()
    assert all(len(look) < 2 for look in looks)
    assert {place for look in looks for place in look} == {10, 20, 30, 40, 50}


@given(st.data(), st.sampled_from(["sync", "async"]))
def test_whoever_folds_the_records_in_pieces_or_at_once_knows_the_same(data, mode):
    scores = st.floats(-1, 1) | st.just(math.nan)
    drawn: dict[tuple[int, int], float] = {}

    def score(order):
        key = (order.member, order.interval)
        return drawn.setdefault(key, data.draw(scores))

    _, records = train(Controller(plan(mode=mode, total_steps=30)), slots=2, score=score)
    cut = data.draw(st.integers(0, len(records)))
    whole, pieces = (Stopping(Goals(rule=lambda run: False), mode, INTERVAL) for _ in range(2))
    whole.follow(records)
    pieces.follow(records[:cut])
    pieces.follow(records[cut:])
    told = [str([replace(each.progress, records=()), *each.progress.records]) for each in (whole, pieces)]
    assert told[0] == told[1]  # as text: nan is nan
    assert len(whole.progress.records) == len(records) - (0 if mode == "async" else _after_the_last_decision(records))


def _after_the_last_decision(records: list[Record]) -> int:
    decided = [place for place, record in enumerate(records) if isinstance(record, Exploit | Birth | Retire)]
    return len(records) - 1 - decided[-1]

"""How orders become groups, and what becomes of a group that fails."""

import logging
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pbt_gan import references
from pbt_gan.core.plan import Plan
from pbt_gan.core.records import Failure, Report
from pbt_gan.executors.processes import ProcessesExecutor
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.interfaces import GroupTask, TaskReference
from pbt_gan.testing.walk import carried_out, collected, order

ODD = f"{Path(__file__).with_name('odd_tasks.py')}:Roommates"


def plain(member, steps=3):
    return replace(order(member), hyperparams={}, steps=steps)


def roommates(**arguments):
    made: GroupTask = references.load(ODD)(**arguments)
    return made


def together(answers):
    """Return with how many each member was trained."""
    found = {}
    for answer in answers:
        assert isinstance(answer, Report), answer
        found[answer.member] = answer.metrics["together"]
    return found


def test_a_worker_has_as_many_slots_as_its_group_has_members():
    with closing(SerialExecutor(roommates(), seed=0, group=4)) as executor:
        assert executor.free_slots() == 4
        executor.submit([plain(0), plain(1)])
        assert executor.free_slots() == 0, "who joins later would not be trained with them"
        assert together(executor.next_reports(1.0)) == {0: 2, 1: 2}
        assert executor.free_slots() == 4


@pytest.mark.slow
@pytest.mark.parametrize(("orders", "sizes"), [(8, [4, 4]), (5, [2, 3]), (2, [1, 1]), (1, [1])])
def test_orders_are_shared_out_evenly_among_the_workers(orders, sizes):
    with closing(ProcessesExecutor(TaskReference(ODD), seed=0, workers=2, group=4)) as executor:
        assert executor.free_slots() == 8
        executor.submit([plain(member) for member in range(orders)])
        assert executor.free_slots() == 4 * (2 - len(sizes))
        found = sorted(together(collected(executor, orders)).values())
        assert found == sorted(size for size in sizes for _ in range(size))


def test_only_members_with_equally_many_steps_train_together():
    with closing(SerialExecutor(roommates(), seed=0, group=4)) as executor:
        executor.submit([plain(0, 3), plain(1, 6), plain(2, 3)])
        assert together(executor.next_reports(1.0)) == {0: 2, 1: 1, 2: 2}


def test_a_group_that_is_too_large_is_trained_in_parts_and_says_so(caplog):
    with closing(SerialExecutor(roommates(room=3), seed=0, group=5)) as executor:
        executor.submit([plain(member) for member in range(5)])
        assert together(executor.next_reports(1.0)) == {0: 2, 1: 2, 2: 3, 3: 3, 4: 3}
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "members 0, 1, 2, 3, 4 cannot be trained as one group (MemoryError: no room); trying halves" in (
        warning.getMessage()
    )


def test_members_that_cannot_be_trained_at_all_fail_one_by_one():
    with closing(SerialExecutor(roommates(room=0), seed=0, group=3)) as executor:
        executor.submit([plain(member) for member in range(3)])
        answers = executor.next_reports(1.0)
    assert [answer.member for answer in answers] == [0, 1, 2]
    assert all(
        isinstance(answer, Failure) and "no room" in answer.error and answer.kind == "memory" for answer in answers
    )


def test_the_cost_of_a_group_is_shared_by_its_members():
    with closing(SerialExecutor(roommates(), seed=0, group=3)) as executor:
        executor.submit([plain(member) for member in range(3)])
        costs = {answer.cost_s for answer in executor.next_reports(1.0) if isinstance(answer, Report)}
    assert len(costs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("comparison", ["latest", "fair"])
def test_asynchronous_members_stay_in_whole_groups(comparison):
    plan = Plan(
        space={}, population_size=4, total_steps=12, ready_interval=3, score_interval=3, seed=0, mode="async",
        comparison=comparison,
    )  # fmt: skip
    with closing(ProcessesExecutor(TaskReference(ODD), seed=0, workers=2, group=2)) as executor:
        records, _ = carried_out(plan, executor)
    reports = [record for record in records if isinstance(record, Report)]
    ended = next(place for place, report in enumerate(reports) if report.trained_steps == 12)
    assert [report.metrics["together"] for report in reports[:ended]] == [2.0] * ended  # later there are fewer left

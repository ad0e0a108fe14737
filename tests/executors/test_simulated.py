from contextlib import closing
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.records import Answer, Failure, Report
from pbt_gan.executors.simulated import SimulatedExecutor
from pbt_gan.testing.walk import RandomWalk, order


def simulated(**options: Any) -> closing[SimulatedExecutor]:
    return closing(SimulatedExecutor(RandomWalk(), seed=0, **options))


def test_fast_slots_answer_first_and_the_clock_shows_when():
    with simulated(slots=3, duration=lambda order, slot: order.steps * (3.0, 1.0, 2.0)[slot]) as executor:
        executor.submit([order(member) for member in range(3)])
        seen = []
        for _ in range(3):
            (answer,) = executor.next_reports(0.0)
            assert isinstance(answer, Report)
            seen.append((executor.now_s, answer.member, answer.worker, answer.cost_s))
            assert executor.free_slots() == len(seen)
    assert seen == [(12, 1, "slot-1", 12), (24, 2, "slot-2", 24), (36, 0, "slot-0", 36)]


def test_answers_of_one_moment_come_together_sorted_by_member():
    with simulated(slots=3) as executor:
        executor.submit([order(2), order(0), order(1)])
        assert [answer.member for answer in executor.next_reports(0.0)] == [0, 1, 2]
        assert executor.next_reports(0.0) == []


def test_a_fast_member_overtakes_a_slow_one():
    with simulated(slots=2, duration=lambda order, slot: 100.0 if order.member == 0 else 30.0) as executor:
        executor.submit([order(0), order(1)])
        seen = []
        for interval in (2, 3, 4, 5):
            (answer,) = executor.next_reports(0.0)
            assert isinstance(answer, Report)
            seen.append((executor.now_s, answer.member))
            executor.submit([order(answer.member, interval, source=answer.checkpoint)])
    assert seen == [(30, 1), (60, 1), (90, 1), (100, 0)]


def test_failures_follow_the_script_and_take_their_time():
    with simulated(slots=2, failures={(0, 1, 1): "worker", (1, 1, 1): "task"}) as executor:
        executor.submit([order(0), order(1)])
        lost, raised = executor.next_reports(0.0)
        assert isinstance(lost, Failure)
        assert isinstance(raised, Failure)
        assert (lost.kind, raised.kind, executor.now_s) == ("worker", "task", 12)
        executor.submit([order(0, attempt=2)])
        (answer,) = executor.next_reports(0.0)
        assert isinstance(answer, Report)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6), st.integers(1, 4))
def test_the_clock_never_goes_back_and_nothing_is_lost(durations, slots):
    with simulated(slots=slots, duration=lambda order, slot: durations[order.member]) as executor:
        left = [order(member) for member in range(len(durations))]
        found: list[Answer] = []
        clock_s = 0.0
        while len(found) < len(durations):
            free = executor.free_slots()
            executor.submit(left[:free])
            left = left[free:]
            found += executor.next_reports(0.0)
            assert executor.now_s >= clock_s
            clock_s = executor.now_s
        assert sorted(answer.member for answer in found) == list(range(len(durations)))

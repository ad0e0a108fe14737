"""How much of their time workers wait, on a simulated clock and in real processes."""

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.waiting import WAYS, Paced, plan, real, simulated, used
from pbt_gan.executors.hours import Hours
from pbt_gan.executors.simulated import SimulatedExecutor
from pbt_gan.interfaces import Usage
from pbt_gan.reporting.text import usage


def test_a_worker_waits_only_while_there_is_somebody_to_train():
    hours = Hours(0.0)
    hours.changed(1.0, free=2)  # nothing was known of anybody who is left
    hours.changed(2.0, free=2, left=1)
    hours.changed(5.0, free=1, left=0)  # two were free for three seconds, and one was left
    hours.changed(9.0, free=1)
    assert hours.usage == Usage(busy_s=0.0, waiting_s=3.0)


def test_who_was_just_trained_may_be_left():
    hours = Hours(0.0)
    hours.changed(1.0, free=1, answered=1)
    hours.changed(1.5, free=0, left=0)
    assert hours.usage.waiting_s == 0.5


def test_what_a_worker_was_not_at_by_its_own_account_it_has_waited():
    hours = Hours(0.0)
    hours.trained(took_s=3.0, busy_s=2.5)
    hours.trained(took_s=1.0, busy_s=None)
    hours.trained(took_s=1.0, busy_s=7.0)  # by another clock
    assert hours.usage == Usage(busy_s=4.5, waiting_s=0.5)
    assert hours.usage.waiting == 0.1
    assert usage(hours.usage) == "Workers trained for 4 s in all, and waited for 10.0 % of their time."
    assert usage(Usage()) == ""


@pytest.mark.parametrize("members", [4, 6])
@pytest.mark.parametrize(("mode", "comparison"), WAYS)
def test_with_speeds_that_differ_by_four_asynchronous_workers_do_not_wait(mode, comparison, members):
    found = simulated(plan(mode, comparison, members))
    if mode == "sync":
        assert found.waiting > 0.25
    else:
        assert found.waiting < 1e-9


@settings(max_examples=10, deadline=None)
@given(
    speeds=st.lists(st.floats(0.25, 4.0), min_size=3, max_size=3),
    comes_s=st.floats(0.0, 10.0),
    stays_s=st.floats(1.0, 20.0),
    comparison=st.sampled_from(["latest", "fair"]),
)
def test_asynchronous_workers_wait_only_until_the_next_answer_when_one_comes(speeds, comes_s, stays_s, comparison):
    executor = SimulatedExecutor(
        Paced(2, 0.0), seed=0, slots=3, duration=lambda order, slot: order.steps / speeds[slot],
        shifts={1: [(comes_s, comes_s + stays_s), (comes_s + 2 * stays_s, float("inf"))]},
    )  # fmt: skip
    with closing(executor):
        found = used(plan("async", comparison, 5, 12), executor)
    assert found.busy_s > 0
    assert found.waiting_s <= 2 / min(speeds)  # it comes twice; a simulated clock jumps to the next answer


@pytest.mark.slow
def test_real_workers_wait_at_the_barrier_and_hardly_else():
    """A busy machine answers late, so this is held to less than the benchmark `waiting`."""
    shares = [real(plan(mode, comparison, 2, 3), 2, step_s=0.3).waiting for mode, comparison in WAYS]
    assert shares[0] > 0.2
    assert max(shares[1:]) < shares[0] / 2

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.runs.sizes import GAIN, LONG_STEP_S, ROOM, STATES_KEPT, fastest, fitting


def test_the_size_whose_steps_take_least_is_the_fastest():
    assert fastest({1: 0.010, 2: 0.007, 3: 0.006, 5: 0.004, 10: 0.006}.__getitem__, 10) == 5


def test_after_a_size_that_gains_nothing_no_larger_one_is_tried():
    tried = []

    def step_s(size):
        tried.append(size)
        return 0.01 if size < 5 else 0.001

    assert fastest(step_s, 1_000) == 1
    assert tried == [1, 2]


def test_a_larger_group_that_gains_next_to_nothing_is_not_worth_it():
    assert fastest(lambda size: 0.010 - 1e-6 * size, 8) == 1


def test_where_a_step_is_long_nothing_is_tried():
    tried = []

    def step_s(size):
        tried.append(size)
        return LONG_STEP_S

    assert fastest(step_s, 64) == 1
    assert tried == [1]


@given(st.integers(1, 100), st.lists(st.floats(1e-4, 0.09), min_size=100, max_size=100))
def test_the_fastest_group_is_never_too_large_nor_slower_than_one(most, times):
    size = fastest(lambda size: times[size - 1], most)
    assert 1 <= size <= most
    assert size == 1 or times[size - 1] < GAIN * times[0]


def peak(size):
    return 500 + 100 * size


def test_a_group_fits_with_the_states_that_are_kept_beside_it():
    room = (500 + 10 * (100 + STATES_KEPT * 20)) / ROOM
    assert fitting(peak, 20, round(room) + 1, 20) == 10
    assert fitting(peak, 20, round(room) - 100, 20) == 7  # three rounds; with nine the last would have two


def test_after_a_size_for_which_there_is_no_memory_no_larger_one_is_tried():
    tried = []

    def step_s(size):
        tried.append(size)
        return 0.01 / size if size < 10 else math.inf

    assert fastest(step_s, 40) == 5
    assert tried == [1, 2, 3, 5, 10]


@pytest.mark.parametrize("most_bytes", [10_000, 1_399, 800])
def test_a_group_that_needs_more_than_one_and_two_let_expect_is_halved_until_it_fits(most_bytes):
    tried = []

    def peak_bytes(size):
        tried.append(size)
        return 100 * size if size <= 2 else 400 * size

    size = fitting(peak_bytes, 0, round(most_bytes / ROOM) + 1, 20)
    assert size == 1 or peak_bytes(size) <= most_bytes
    assert size == {10_000: 20, 1_399: 3, 800: 2}[most_bytes]
    assert len(tried) < 10


def test_where_two_do_not_fit_members_are_alone():
    assert fitting(lambda size: 100 if size == 1 else sys.maxsize, 10, 1_000, 20) == 1


def test_a_worker_with_one_member_has_nothing_to_try():
    assert fitting(lambda size: pytest.fail("nobody asks"), 10, 1_000, 1) == 1


@pytest.mark.parametrize(
    ("most", "tried"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 3, 5]), (8, [1, 2, 4, 8]), (10, [1, 2, 3, 5, 10])]
)
def test_the_sizes_that_are_tried_make_rounds_that_are_equally_full(most, tried):
    seen = []

    def step_s(size):
        seen.append(size)
        return 0.01 / size

    fastest(step_s, most)
    assert seen == tried


@given(st.integers(1, 50), st.integers(0, 10**6), st.integers(0, 10**4))
def test_a_group_that_fits_takes_no_more_than_there_is(most, free, state_bytes):
    size = fitting(peak, state_bytes, free, most)
    assert 1 <= size <= most
    assert size == 1 or peak(size) + size * STATES_KEPT * state_bytes <= free


def test_one_member_is_tried_even_where_it_cannot_fit():
    assert fitting(peak, 20, 0, 8) == 1


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_the_largest_possible_group_is_tried_too(most):
    assert fastest(lambda size: 0.01 / size, most) == most

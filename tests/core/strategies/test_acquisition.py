import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.core.strategies.acquisition import highest


@pytest.mark.parametrize("numbers", [1, 2, 4])
def test_the_highest_place_is_found(numbers):
    top = np.linspace(0.2, 0.9, numbers)
    found = highest(
        lambda units: -((units - top) ** 2).sum(axis=1), np.zeros(numbers), np.ones(numbers), stream(0),
        start=np.zeros(numbers), snapped=lambda units: units,
    )  # fmt: skip
    assert found == pytest.approx(top, abs=0.05)


@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=4))
def test_it_stays_within_the_box(seed, ends):
    low, high = np.array([sorted(pair) for pair in ends]).reshape(-1, 2).T
    found = highest(lambda units: units.sum(axis=1), low, high, stream(seed), start=low, snapped=lambda units: units)
    assert found.shape == low.shape
    assert (found >= low).all()
    assert (found <= high).all()


def test_as_many_points_are_looked_at_whatever_is_asked():
    looked_at = []

    def value(units):
        looked_at.append(len(units))
        return units[:, 0]

    highest(value, np.zeros(1), np.ones(1), stream(0), start=np.zeros(1), snapped=lambda units: units)
    assert sum(looked_at) == 1 + 256 + 3 * 4 * 32


def test_where_all_is_equal_a_member_stays():
    found = highest(
        lambda units: np.zeros(len(units)), np.zeros(2), np.ones(2), stream(0), start=np.array([0.3, 0.4]),
        snapped=lambda units: units,
    )  # fmt: skip
    assert found.tolist() == [0.3, 0.4]

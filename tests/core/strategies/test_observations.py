import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.population import Stretch, Value
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice, Float, Integer, Space
from pbt_gan.core.strategies.coordinates import Coordinates
from pbt_gan.core.strategies.gaussian_process import ROWS
from pbt_gan.core.strategies.observations import gains, joined, observations

SPACE: Space = {
    "lr": Float(1e-3, (1e-4, 1.0), "log"),
    "n_critic": Integer(1, (1, 5)),
    "loss": Choice(("hinge", "logistic")),
}
SETTING: dict[str, Value] = {"lr": 1e-3, "n_critic": 2, "loss": "logistic"}


def stretch(member, begins, before, after, *, steps=10, step=None, setting=SETTING, interval=1):
    return Stretch(member, interval, begins, steps, begins if step is None else step, setting, before, after)


def test_settings_become_points_and_points_settings():
    coordinates = Coordinates.of(SPACE)
    points = coordinates.points([SETTING], [3.0])
    assert points.units.tolist() == [[pytest.approx(0.25), 0.25]]
    assert points.codes.tolist() == [[1]]
    assert coordinates.setting(points.units[0], points.codes[0]) == {**SETTING, "lr": pytest.approx(1e-3)}
    assert coordinates.grain.tolist() == [0.0, 0.25]
    assert coordinates.snapped(np.array([[0.3, 0.3], [0.9, 0.4]])).tolist() == [[0.3, 0.25], [0.9, 0.5]]


def test_stretches_of_one_setting_are_one_row_up_to_a_ready_interval():
    first = [stretch(0, begins, begins / 10, begins / 10 + 1) for begins in (0, 10, 20, 30)]
    other = stretch(1, 0, math.nan, 5.0)
    assert joined([first[0], other, *first[1:]], 20) == [
        stretch(0, 0, 0.0, 2.0, steps=20), other, stretch(0, 20, 2.0, 4.0, steps=20),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "second",
    [
        stretch(0, 10, 1.0, 2.0, setting={**SETTING, "lr": 2e-3}),  # it has moved
        stretch(0, 10, 7.0, 9.0, step=40),  # it has copied
        stretch(0, 10, 1.5, 2.0),
        stretch(1, 10, 1.0, 2.0),
    ],
)
def test_what_is_no_continuation_is_a_row_of_its_own(second):
    rows = [stretch(0, 0, 0.0, 1.0), second]
    assert joined(rows, 20) == rows


def test_rows_without_a_score_to_begin_with_are_left_out_and_who_diverged_was_worst():
    rows = [
        stretch(0, 0, math.nan, 1.0),
        stretch(1, 0, math.nan, math.nan),  # diverged from the start
        stretch(2, 10, 0.0, math.inf),
        stretch(3, 10, math.nan, math.nan),  # had diverged before
        stretch(4, 10, 0.0, -5.0),
        stretch(5, 10, 0.0, 1.0),
    ]
    seen = observations(rows, Coordinates.of(SPACE), 10)
    assert seen.points.times.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert seen.gains[0] == seen.gains[1] == seen.gains.min() < seen.gains[2] < seen.gains[3]


def test_gains_are_normal_scores_of_rises_per_interval():
    # Rises over 10 steps: 1, 3 and 2. Mid-ranks of three: 1/6, 5/6, 1/2; Φ⁻¹(5/6) = 0.967.
    rows = [stretch(0, 10, 0.0, 1.0), stretch(1, 10, 0.0, 3.0), stretch(2, 10, 0.0, 1.0, steps=5)]
    assert gains(rows, 10) == pytest.approx([-0.967, 0.967, 0.0], abs=1e-3)


def test_that_scores_rise_fast_at_first_counts_for_no_setting():
    # All gain 8 / (1 + age), and member 2 gains 0.3 more.
    rows = [
        stretch(member, begins, 0.0, 8 / (1 + begins / 10) + 0.3 * (member == 2))
        for begins in range(0, 200, 10)
        for member in range(4)
    ]
    found = gains(rows, 10)
    better = np.array([row.member == 2 for row in rows])
    assert found[better].min() > found[~better].max()


def test_the_luck_of_a_donor_counts_against_no_setting():
    """What is copied had a lucky score, so its copies gain less: all settings are equal here."""
    corrected, plain = [], []
    for seed in range(20):
        rng = stream(seed, "luck")
        luck = rng.normal(size=(40, 2))
        donor = np.arange(40) % 2 == 0  # half of the rows begin with the best of four lucky scores
        before = np.where(donor, rng.normal(size=(4, 40)).max(axis=0), luck[:, 0])
        rows = [stretch(n, 10, before[n], 1.0 + luck[n, 1]) for n in range(40)]
        found, rises = gains(rows, 10), 1.0 + luck[:, 1] - before
        corrected.append(found[donor].mean() - found[~donor].mean())
        plain.append((rises[donor].mean() - rises[~donor].mean()) / rises.std())
    assert np.mean(plain) < -0.5
    assert abs(np.mean(corrected)) < 0.15


def test_the_lead_of_those_who_gain_more_is_not_taken_for_usual():
    # The better half gains 1 an interval and so is ahead: its rank must stay.
    rows = [
        stretch(member, begins, begins * (member < 2) / 10, (begins + 10) * (member < 2) / 10)
        for begins in range(10, 100, 10)
        for member in range(4)
    ]
    found = gains(rows, 10)
    better = np.array([row.member < 2 for row in rows])
    assert found[better].min() > found[~better].max()


SCORES = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(SCORES, SCORES, st.integers(0, 5)), max_size=12))
def test_whatever_the_scores_gains_are_finite(scores):
    rows = [stretch(n, 10 * begins, before, after) for n, (before, after, begins) in enumerate(scores)]
    seen = observations(rows, Coordinates.of(SPACE), 10)
    assert np.isfinite(seen.gains).all()
    assert len(seen) == len(seen.gains)


def test_of_many_rows_the_newest_are_used():
    rows = [stretch(0, 10 * n, 0.0, 1.0) for n in range(1_000)]
    seen = observations(rows, Coordinates.of(SPACE), 10)
    assert len(seen) == ROWS == 200
    assert seen.points.times[[0, -1]].tolist() == [800.0, 999.0]

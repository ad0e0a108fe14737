from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.studies.simulation.field import Field

LENGTHS = np.array([0.5, 1.0])


def wave(points):
    return np.sin(points[:, 0]) + 0.5 * np.cos(points[:, 1])


def learned(information=1e4, height=1.0, count=400, seed=0):
    points = stream(seed, "points").uniform(-2, 2, (count, 2))
    empty = Field.around(points, LENGTHS, 150)
    found = empty.fitted(empty.bumps(points), wave(points), np.full(count, information), height)
    return Field(LENGTHS, empty.centres, found[:, None])


def test_a_field_passes_near_what_it_was_not_shown():
    others = stream(1, "points").uniform(-1.8, 1.8, (200, 2))
    np.testing.assert_allclose(learned()(others)[:, 0], wave(others), atol=0.02)


@cache
def learned_once():
    return learned()


@given(st.floats(0, 2 * np.pi), st.floats(20, 1e6))
def test_far_from_everything_a_field_is_0(angle, distance):
    away = distance * np.array([np.cos(angle), np.sin(angle)])
    assert abs(learned_once()(away)[0]) < 1e-9


def test_what_is_little_known_moves_a_field_little():
    points = np.zeros((1, 2))
    field = Field.around(points, LENGTHS, 10)
    bumps = field.bumps(points)
    heights = [field.fitted(bumps, np.ones(1), np.array([known]), 1.0)[0] for known in (0.1, 1.0, 100.0)]
    np.testing.assert_allclose(heights, [0.1 / 1.1, 0.5, 100 / 101], rtol=1e-5)  # information / (information + 1)


def test_bumps_lie_on_the_points_that_are_farthest_apart():
    points = np.array([[0.0, 0.0], [0.1, 0.0], [1.0, 0.0], [0.5, 0.0]])
    field = Field.around(points, np.ones(2), 3)
    assert field.centres[:, 0].tolist() == [0.0, 1.0, 0.5]


def test_a_point_has_the_value_that_it_has_among_others():
    points = stream(2, "points").uniform(-2, 2, (5, 2))
    together = learned_once()(points)
    for point, value in zip(points, together, strict=True):
        np.testing.assert_allclose(learned_once()(point), value, rtol=1e-9, atol=1e-12)

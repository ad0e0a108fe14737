"""The t-test on scores that trend: how often equals copy each other, and when a lead is seen."""

import numpy as np
import pytest

from pbt_gan.core.exploit import t_test
from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.rng import stream

PAIRS = 200


def copies(rise: float, lead: float, *, noise: float = 1.0, last: int = 10) -> float:
    """Return how often a member copies its only rival, which is ahead by `lead`; both rise by `rise` a score."""
    copied = 0
    for pair in range(PAIRS):
        rng = stream(0, "pair", pair)
        trend = rise * np.arange(10)
        scores = [trend + noise * rng.normal(size=10) + ahead for ahead in (0.0, lead)]
        members = [Member(n, {}, scores=tuple(map(float, own))) for n, own in enumerate(scores)]
        copied += t_test(members[0], PopulationView.of(members), stream(0, pair), last=last) is not None
    return copied / PAIRS


@pytest.mark.parametrize("rise", [0.0, 0.3, 1.0, 10.0])
def test_equals_copy_each_other_no_more_often_than_the_level_says(rise):
    assert copies(rise, 0.0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / PAIRS)


def test_a_common_rise_hides_a_lead_that_stands_out_without_one():
    assert copies(0.0, 2.0) > 0.95
    assert copies(1.0, 2.0) < 0.5


def test_fewer_scores_see_a_lead_through_a_steep_rise():
    assert copies(1.0, 2.0, noise=0.1, last=3) > copies(1.0, 2.0, noise=0.1, last=10) + 0.2


def test_a_lead_as_large_as_the_whole_rise_is_seen():
    assert copies(1.0, 9.0) > 0.95

import math
from itertools import product
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pbt_gan.studies.experiment.statistics import LEAST_FOR_INTERVAL, TEST_PAIRS, bootstrap, gain, holm, sign_flip

NUMBERS = st.floats(-1e6, 1e6)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12)


@given(PAIRS, st.booleans())
def test_swapping_the_arms_turns_every_figure_round(pairs, higher):
    arm, baseline = zip(*pairs, strict=True)
    there, back = gain(arm, baseline, higher=higher), gain(baseline, arm, higher=higher)
    assert back.mean == pytest.approx(-there.mean)
    assert back.improvement == pytest.approx(1 - there.improvement)
    assert there.better + back.better + there.equal == len(pairs)
    assert back.p == pytest.approx(there.p)


@given(PAIRS)
def test_lower_is_better_is_the_same_as_higher_of_the_negated(pairs):
    arm, baseline = zip(*pairs, strict=True)
    assert gain(arm, baseline, higher=False) == gain([-x for x in arm], [-y for y in baseline])


@given(PAIRS)
def test_nothing_is_claimed_from_too_few_pairs(pairs):
    found = gain(*zip(*pairs, strict=True))
    assert (found.interval is None) == (len(pairs) < LEAST_FOR_INTERVAL)
    assert (found.p is None) == (len(pairs) not in TEST_PAIRS)


def test_six_wins_of_six_are_the_first_that_can_be_significant():
    assert gain([1.0] * 6, [0.0] * 6).p == pytest.approx(2 / 2**6)
    assert gain([1.0] * 5, [0.0] * 5).p is None


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=9))
def test_the_sign_flip_test_counts_all_choices_of_signs(differences):
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    assert sign_flip(np.array(differences, float)) == pytest.approx(fmean(s >= abs(sum(differences)) for s in sums))


def test_the_sign_flip_test_agrees_with_a_library():
    differences = np.random.default_rng(0).normal(0.4, 1, size=9)
    expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(differences) == pytest.approx(expected.pvalue)


def test_the_interval_agrees_with_a_library():
    differences = np.random.default_rng(1).normal(0.4, 1, size=10)
    expected = stats.bootstrap((differences,), np.mean, method="percentile", n_resamples=10_000).confidence_interval
    assert bootstrap(differences) == pytest.approx((expected.low, expected.high), abs=0.03)
    assert bootstrap(differences) == bootstrap(differences)


def test_the_probability_of_improvement_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(2)
    arm, baseline = rng.normal(0.5, 1, 8).round(1), rng.normal(0, 1, 8).round(1)
    u = stats.mannwhitneyu(arm, baseline).statistic
    assert gain(arm.tolist(), baseline.tolist()).improvement == pytest.approx(u / 64)


def test_a_run_without_a_finite_score_is_the_worst_and_makes_no_mean():
    found = gain([math.nan, 1.0, math.nan], [0.5, 0.5, math.nan])
    assert math.isnan(found.mean)
    assert (found.better, found.equal, found.pairs) == (1, 1, 3)
    lower = gain([math.nan, 1.0], [0.5, 2.0], higher=False)
    assert (lower.better, lower.improvement) == (1, 0.25)


def test_holm_multiplies_the_smallest_by_the_number_of_tests_and_never_reorders():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == {"a": 0.03, "c": 0.06, "b": 0.06}
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
    assert holm({}) == {}

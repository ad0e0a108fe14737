import math
from itertools import product
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pbt_gan.studies.experiment.statistics import (
    EXACT_PAIRS,
    LEAST_PAIRS,
    SIGNIFICANT,
    gain,
    holm,
    interval,
    pairs_needed,
    sign_flip,
    smallest_p,
)

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
def test_nothing_is_claimed_from_a_single_pair(pairs):
    found = gain(*zip(*pairs, strict=True))
    assert (found.interval is None) == (found.p is None) == (len(pairs) < LEAST_PAIRS)


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [2, 5, 6, EXACT_PAIRS, EXACT_PAIRS + 1, 40])
def test_the_lowest_p_value_is_that_of_an_arm_that_wins_every_time(pairs):
    assert sign_flip(np.linspace(1, 2, pairs)) == pytest.approx(smallest_p(pairs))


@pytest.mark.parametrize("comparisons", [1, 2, 3, 7, 30])
def test_one_pair_less_than_needed_cannot_be_significant_after_the_correction(comparisons):
    needed = pairs_needed(comparisons)
    assert needed is not None
    for pairs, found in ((needed, True), (needed - 1, False)):
        p_values = {f"arm-{number}": smallest_p(pairs) if number == 0 else 1.0 for number in range(comparisons)}
        assert (holm(p_values)["arm-0"] < SIGNIFICANT) == found


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=9))
def test_the_sign_flip_test_of_few_pairs_counts_all_choices_of_signs(differences):
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    assert sign_flip(np.array(differences, float)) == pytest.approx(fmean(s >= abs(sum(differences)) for s in sums))


def test_the_sign_flip_test_of_many_pairs_draws_the_same_signs_each_time_and_comes_close():
    differences = np.random.default_rng(0).integers(-5, 8, size=EXACT_PAIRS + 4).astype(float)
    signs = np.array(list(product((1, -1), repeat=10)))
    sums = np.abs((signs @ differences[:10])[:, None] + (signs @ differences[10:])[None, :])
    exact = (sums >= abs(differences.sum())).mean()
    assert sign_flip(differences) == sign_flip(differences) == pytest.approx(exact, abs=0.005)


@pytest.mark.parametrize("pairs", [5, 10, 20])
@pytest.mark.parametrize(
    ("draw", "true", "least", "most"),
    [
        pytest.param(lambda rng, size: rng.normal(0.3, 2, size), 0.3, 0.93, 0.97, id="normal"),
        pytest.param(lambda rng, size: rng.standard_t(3, size), 0.0, 0.93, 0.98, id="heavy-tailed"),
        pytest.param(
            lambda rng, size: rng.exponential(size=size) - rng.exponential(size=size), 0.0, 0.93, 0.98, id="skewed arms"
        ),
        pytest.param(lambda rng, size: rng.exponential(size=size), 1.0, 0.86, 0.97, id="skewed differences"),
    ],
)
def test_a_95_percent_interval_holds_the_truth_in_95_of_100_experiments(draw, true, least, most, pairs):
    low, high = interval(draw(np.random.default_rng(pairs), (20_000, pairs)))
    assert least <= ((low <= true) & (true <= high)).mean() <= most


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [6, 9])
def test_equal_arms_differ_significantly_in_no_more_than_five_of_a_hundred_experiments(pairs):
    rng = np.random.default_rng(pairs)
    found = [sign_flip(rng.normal(size=pairs)) <= SIGNIFICANT for _ in range(300)]
    assert sum(found) <= stats.binom.ppf(0.9999, len(found), SIGNIFICANT)


def test_the_interval_agrees_with_a_library():
    differences = np.random.default_rng(1).normal(0.4, 1, size=10)
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert interval(differences) == pytest.approx((expected.low, expected.high))


def test_differences_that_are_all_equal_have_an_interval_without_width():
    assert gain([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]).interval == (1.0, 1.0)


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

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from pbt_gan.core.rng import stream
from pbt_gan.core.strategies.gaussian_process import DRIFTS, LENGTHS, NOISES, Points, Process, Shape, fit

SEEDS = st.integers(0, 2**32 - 1)


def points(units, times=None, codes=None):
    units = np.array(units, float)
    codes = np.zeros((len(units), 0), int) if codes is None else np.array(codes, int)
    return Points(units, codes, np.zeros(len(units)) if times is None else np.array(times, float))


def standardised(values):
    return (values - values.mean()) / values.std()


def test_a_posterior_worked_by_hand():
    # Two rows at 0 and 1 with targets 1 and -1, one length apart: correlation e^-½ = 0.60653.
    # K = 0.8 [[1, 0.60653], [0.60653, 1]] + 0.2 I = [[1, 0.48522], [0.48522, 1]], K⁻¹ (1, -1) = (1, -1) / 0.51478.
    process = Process(
        points([[0.0], [1.0]]), np.array([1.0, -1.0]), Shape(length=1.0, drift=0.0, noise=0.2, variance=2.0)
    )
    asked = points([[0.0], [0.5], [1.0]])
    assert process.mean(asked) == pytest.approx(
        [0.8 * (1 - 0.60653) / 0.51478, 0.0, -0.8 * (1 - 0.60653) / 0.51478], abs=1e-4
    )
    # At 0.5 both covariances are 0.8 e^-1/8 = 0.70600; k K⁻¹ k = 2 · 0.70600² / 1.48522 = 0.67119.
    assert process.deviation(asked)[1] == pytest.approx(math.sqrt(2 * (0.8 - 0.67119)), abs=1e-4)
    # With two rows β = 0.2 ln(0.8) < 0: none. With ten it is 0.2 ln 4.
    assert process.upper_bound(asked) == pytest.approx(process.mean(asked))


def test_time_takes_from_a_row_what_the_drift_says():
    # One row of target 1, two units of time ago: covariance 0.5 · 0.75^(2/2) = 0.375, and K = 1.
    process = Process(points([[0.3]], [1.0]), np.array([1.0]), Shape(length=0.2, drift=0.25, noise=0.5))
    assert process.mean(points([[0.3]], [3.0])) == pytest.approx([0.375])
    assert process.deviation(points([[0.3]], [3.0])) == pytest.approx([math.sqrt(0.5 - 0.375**2)])


def test_choices_are_half_added_and_half_multiplied():
    # Two choices of which one agrees, numbers that are the same: s = 0.5 · (1 + 0.5) / 2 + 0.5 · 1 · 0.5 = 0.625.
    process = Process(points([[0.3]], codes=[[0, 1]]), np.array([1.0]), Shape(length=0.2, drift=0.0, noise=0.2))
    assert process.mean(points([[0.3]], codes=[[0, 2]])) == pytest.approx([0.8 * 0.625])
    assert process.mean(points([[0.3]], codes=[[0, 1]])) == pytest.approx([0.8])


def test_the_upper_bound_weighs_the_deviation_by_the_number_of_rows():
    rng = stream(0)
    process = Process(points(rng.random((10, 2))), rng.normal(size=10), Shape(0.4, 0.0, 0.3))
    asked = points(rng.random((5, 2)))
    expected = process.mean(asked) + math.sqrt(0.2 * math.log(4)) * process.deviation(asked)
    assert process.upper_bound(asked) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [Shape(0.2, 0.0, 0.1), Shape(0.8, 0.0, 0.5, 3.0)])
def test_without_drift_and_choices_it_is_the_process_of_scikit_learn(shape):
    rng = stream(0)
    units, targets, asked = rng.random((30, 3)), rng.normal(size=30), rng.random((20, 3))
    signal = ConstantKernel(shape.variance * (1 - shape.noise)) * RBF(shape.length)
    theirs = GaussianProcessRegressor(signal, alpha=shape.variance * shape.noise, optimizer=None).fit(units, targets)
    mean, deviation = theirs.predict(asked, return_std=True)
    ours = Process(points(units), targets, shape)
    assert ours.mean(points(asked)) == pytest.approx(mean)
    assert ours.deviation(points(asked)) == pytest.approx(deviation)


def test_the_grid_finds_what_a_climb_of_scikit_learn_finds():
    rng = stream(1)
    units = rng.random((80, 1))
    targets = standardised(np.sin(6 * units[:, 0]) + 0.5 * rng.normal(size=80))
    kernel = ConstantKernel(1.0) * RBF(0.3) + WhiteKernel(0.3)
    theirs = GaussianProcessRegressor(kernel).fit(units, targets).kernel_
    ours = fit(points(units), targets).shape
    share = theirs.k2.noise_level / (theirs.k1.k1.constant_value + theirs.k2.noise_level)
    assert ours.length == pytest.approx(theirs.k1.k2.length_scale, rel=0.6)  # a grid of doublings
    assert ours.noise == pytest.approx(share, abs=0.2)


@pytest.mark.parametrize("rows", [10, 40, 120])
def test_of_nothing_but_noise_it_learns_that_it_is_noise(rows):
    shares, means = [], []
    for seed in range(8):
        rng = stream(seed, "noise", rows)
        seen = points(rng.random((rows, 2)), np.sort(rng.integers(0, rows // 8 + 1, rows)))
        process = fit(seen, standardised(rng.normal(size=rows)))
        shares.append(process.shape.noise)
        asked = points(rng.random((100, 2)), np.full(100, rows // 8 + 1))
        means.append([np.sqrt((process.mean(at) ** 2).mean()) for at in (seen, asked)])
    assert np.median(shares) >= 0.9
    assert np.mean(means) <= 0.15  # of targets with a deviation of 1: those of a process without noise would be 1
    assert np.mean(np.array(means)[:, 1]) <= 0.1


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_of_noise_and_a_drifting_optimum_it_learns_both(noise):
    shares, agreements = [], []
    for seed in range(8):
        rng = stream(seed, "drift")
        times = np.sort(rng.integers(0, 12, 60)).astype(float)

        def value(units, times):
            return -((units[:, 0] - 0.2 - 0.05 * times) ** 2)

        units = rng.random((60, 1))
        clean = value(units, times)
        process = fit(points(units, times), standardised(clean + noise * clean.std() * rng.normal(size=60)))
        shares.append(process.shape.noise)
        asked = np.linspace(0, 1, 50)[:, None]
        now = np.full(50, 12.0)
        agreements.append(np.corrcoef(process.mean(points(asked, now)), value(asked, now))[0, 1])
    assert np.median(shares) == pytest.approx(noise**2 / (1 + noise**2), abs=0.2)
    assert np.median(agreements) > 0.8


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 20), st.integers(0, 3), st.integers(0, 2), st.integers(0, 4))
def test_whatever_it_sees_its_answers_are_finite_and_deviations_no_larger_than_before(
    seed, rows, numbers, choices, pending
):
    rng = stream(seed)

    def drawn(count):
        units = np.round(rng.random((count, numbers)), 1)  # with equal settings among them
        return Points(units, rng.integers(0, 2, (count, choices)), rng.integers(0, 3, count).astype(float))

    process = fit(drawn(rows), rng.choice([-2.0, 0.0, 2.0], rows))
    tried, asked = drawn(pending), drawn(10)
    trying = process.trying(tried)
    assert np.isfinite(trying.upper_bound(asked)).all()
    assert (trying.mean(asked) == process.mean(asked)).all()
    assert (trying.deviation(asked) <= process.deviation(asked) + 1e-6).all()
    assert process.shape.length in LENGTHS
    assert process.shape.drift in DRIFTS
    assert process.shape.noise in NOISES


def test_a_setting_that_is_being_tried_is_known_better():
    process = Process(points([[0.9]]), np.array([1.0]), Shape(0.1, 0.0, 0.2))
    trying = process.trying(points([[0.3]]))
    near, far = process.deviation(points([[0.3], [0.6]]))
    assert trying.deviation(points([[0.3], [0.6]])) == pytest.approx([near * math.sqrt(0.2), far], rel=0.02)


def test_a_fit_costs_twenty_decompositions_of_a_hundred_rows_at_most(monkeypatch):
    sizes = []
    decompose = np.linalg.eigh

    def counted(matrix):
        sizes.append(matrix.shape)
        return decompose(matrix)

    monkeypatch.setattr(np.linalg, "eigh", counted)
    rng = stream(0)
    for rows in (50, 200):
        fit(points(rng.random((rows, 2)), rng.random(rows)), rng.normal(size=rows))
    assert sizes == [(50, 50)] * 20 + [(100, 100)] * 20


def test_equal_rows_are_fitted_to_the_same_bits():
    rng = stream(0)
    seen, targets = points(rng.random((60, 2)), rng.random(60)), rng.normal(size=60)
    asked = points(rng.random((20, 2)), np.ones(20))
    first, second = (fit(seen, targets).upper_bound(asked) for _ in range(2))
    assert (first == second).all()

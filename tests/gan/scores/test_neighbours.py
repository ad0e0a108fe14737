"""Precision, recall, density and coverage are those of brute force, whatever the order, with ties and duplicates."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.gan.scores import neighbours
from pbt_gan.gan.scores.density_coverage import coverage, coverage_influence, density, density_influence
from pbt_gan.gan.scores.neighbours import NEIGHBOURS, Manifold, nearest
from pbt_gan.gan.scores.precision_recall import precision, precision_influence, recall, recall_influence
from pbt_gan.gan.scores.score import Seen
from pbt_gan.gan.scores.table import EVALUATED

SCORES = {
    precision: precision_influence,
    recall: recall_influence,
    density: density_influence,
    coverage: coverage_influence,
}

few = settings(max_examples=15)


@st.composite
def points(draw):
    """Whole numbers on a small grid: most distances are tied, and many points lie on each other."""
    count, rng = draw(st.integers(NEIGHBOURS + 3, 14)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return [tuple(map(int, row)) for row in rng.integers(0, 4, (count, 2))]


def manifold(rows):
    return Manifold(np.array(rows, float))


def ball(point, points, place):
    """The squared radius of one ball, by sorting."""
    others = [
        sum((a - b) ** 2 for a, b in zip(point, other, strict=True)) for n, other in enumerate(points) if n != place
    ]
    return sorted(others)[NEIGHBOURS - 1]


def held(points, others):
    """Which of the others lie in the ball of each point, by looping over everything."""
    return [
        [sum((a - b) ** 2 for a, b in zip(point, other, strict=True)) < ball(point, points, place) for other in others]
        for place, point in enumerate(points)
    ]


def brute_force(reals, samples):
    around_reals, around_samples = held(reals, samples), held(samples, reals)
    columns = list(zip(*around_reals, strict=True))
    return {
        precision: sum(map(any, columns)) / len(samples),
        recall: sum(map(any, zip(*around_samples, strict=True))) / len(reals),
        density: sum(map(sum, columns)) / NEIGHBOURS / len(samples),
        coverage: sum(map(any, around_reals)) / len(reals),
    }


@few
@given(points(), points())
def test_all_four_are_those_of_brute_force(reals, samples):
    for score, expected in brute_force(reals, samples).items():
        assert score(manifold(reals), manifold(samples)) == pytest.approx(expected, abs=1e-12)


@few
@given(points(), points(), st.randoms())
def test_the_order_of_the_images_does_not_matter(reals, samples, random):
    before = [score(manifold(reals), manifold(samples)) for score in SCORES]
    random.shuffle(reals)
    random.shuffle(samples)
    assert [score(manifold(reals), manifold(samples)) for score in SCORES] == before


@few
@given(points(), points())
def test_blocks_of_any_size_give_the_same_bits(reals, samples):
    whole = [str(each(manifold(reals), manifold(samples))) for pair in SCORES.items() for each in pair]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_BLOCK", 3 * len(samples))
        assert [str(each(manifold(reals), manifold(samples))) for pair in SCORES.items() for each in pair] == whole


@few
@given(points(), points())
def test_influences_are_those_of_leaving_out_one_sample_at_a_time(reals, samples):
    for score, influence in SCORES.items():
        without = [score(manifold(reals), manifold(samples[:n] + samples[n + 1 :])) for n in range(len(samples))]
        expected = neighbours.influences(np.array(without)).tolist()
        assert influence(manifold(reals), manifold(samples)).tolist() == pytest.approx(expected, abs=1e-9)


def test_a_case_worked_by_hand():
    # On a line: every real but the outer ones has its 5th neighbour 3 away; of the outermost it is 5.
    reals = [(float(x),) for x in range(10)]
    assert Manifold(np.array(reals)).radii.tolist() == [25, 16, 9, 9, 9, 9, 9, 9, 16, 25]
    # At 4.5 a sample lies in the balls of 1 (radius 4), 2 … 7 (3) and 8 (4), and of 0 and 9 (5): in all ten.
    # At 14 it is 5 away from the last one, whose radius is 5: the surface does not count.
    samples = [(4.5,)] * 6 + [(14.0,)] * 2
    assert precision(manifold(reals), manifold(samples)) == 6 / 8
    assert density(manifold(reals), manifold(samples)) == 6 * 10 / 8 / NEIGHBOURS
    assert coverage(manifold(reals), manifold(samples)) == 1
    # Six samples lie on each other, so their balls are empty; those at 14 reach 9.5 far, to all reals beyond 4.5.
    assert recall(manifold(reals), manifold(samples)) == 5 / 10


def test_equal_distributions_read_as_the_papers_say():
    rng = stream(0, "normal")
    reals, samples = (Manifold(rng.normal(size=(600, 8))) for _ in range(2))
    assert density(reals, samples) == pytest.approx(1, abs=0.1)
    assert coverage(reals, samples) == pytest.approx(1 - 2**-NEIGHBOURS, abs=0.03)
    assert precision(reals, samples) == pytest.approx(recall(reals, samples), abs=0.06)


def test_what_is_far_off_is_imprecise_and_what_is_narrow_recalls_little():
    rng = stream(1, "normal")
    reals = Manifold(rng.normal(size=(300, 4)))
    far, narrow = Manifold(rng.normal(size=(200, 4)) + 50), Manifold(rng.normal(size=(200, 4)) / 20)
    assert [score(reals, far) for score in SCORES] == [0, 0, 0, 0]
    assert precision(reals, narrow) == 1
    assert max(recall(reals, narrow), coverage(reals, narrow)) < 0.3


def test_one_image_again_and_again_covers_what_it_lies_in_and_recalls_nothing():
    reals, same = Manifold(stream(2, "normal").normal(size=(50, 3))), Manifold(np.zeros((40, 3)))
    assert precision(reals, same) == 1
    assert recall(reals, same) == 0
    assert 0 < coverage(reals, same) < 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("score", [*SCORES, *SCORES.values()])
def test_what_is_not_finite_or_too_few_is_nan_and_no_error(score, bad):
    good = Manifold(stream(3, "normal").normal(size=(20, 3)))
    broken, few = Manifold(good.centres.copy()), Manifold(good.centres[:NEIGHBOURS])
    broken.centres[3, 1] = bad
    for reals, samples in ((good, broken), (broken, good), (few, good), (good, few)):
        assert torch.as_tensor(score(reals, samples)).isnan().all()


def test_the_nearest_are_found_in_order_and_none_is_its_own_neighbour():
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    found = nearest(line, line, 2, itself=True)
    assert found.places.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert found.squared.tolist() == [[1, 9], [1, 4], [4, 9], [16, 36]]
    assert nearest(line, line, 1).places.ravel().tolist() == [0, 1, 2, 3]


def test_features_of_any_kind_are_measured_in_float64():
    features = stream(4, "normal").normal(size=(9, 2)).astype(np.float32)
    assert Manifold.of(torch.from_numpy(features)).centres.dtype == np.float64


@pytest.mark.slow
@pytest.mark.parametrize("key", ["precision", "recall", "density", "coverage"])
def test_the_standard_errors_cover_repeated_scores(key):
    score, reals = EVALUATED[key], Manifold(stream(5, "reals").normal(size=(150, 3)))
    drawn = [Seen(torch.from_numpy(stream(5, "samples", n).normal(size=(120, 3)) + 1), None) for n in range(150)]
    scores = np.array([score.measure(each, reals) for each in drawn])
    errors = np.array([score.error(each, reals) for each in drawn])
    assert np.mean(abs(scores - scores.mean()) < 1.96 * errors) >= 0.9
    assert 0.9 <= errors.mean() / scores.std() <= 1.7

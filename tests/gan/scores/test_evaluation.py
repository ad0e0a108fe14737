"""What an evaluation tells is what the formulas give, of as many images at a time as is said."""

import json
import math

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.scores.classifier_score import classifier_score
from pbt_gan.gan.scores.evaluation import Look, judge
from pbt_gan.gan.scores.frechet import Moments, frechet_distance
from pbt_gan.gan.scores.kernel import Cloud, kernel_distance
from pbt_gan.gan.scores.neighbours import Manifold
from pbt_gan.gan.scores.precision_recall import precision
from pbt_gan.gan.scores.score import Seen


class Corners:
    """Sees four pixels of each image."""

    classifies = True

    def __call__(self, images):
        features = images[:, [0, 0, -1, -1], [0, -1, 0, -1], 0].double() / 64
        return Seen(features, features.softmax(1))


def look(kind="own"):
    return Look(kind, Corners(), "four pixels", {})


def images(seed, count, mean=128):
    drawn = stream(seed, "images").normal(mean, 40, (count, 4, 4, 1))
    return drawn.clip(0, 255).astype(np.uint8)


REALS, MADE = images(0, 900), images(1, 300, 150)


def features(pictures):
    return Corners()(torch.from_numpy(pictures)).features


def test_few_images_are_measured_together_by_every_formula():
    found = judge(look(), MADE, REALS, None)
    made, reals = features(MADE), features(REALS)
    assert set(found.measurements) == {"cs", "fcd", "kcd", "precision", "recall", "density", "coverage", "copied"}
    values = {key: each.value for key, each in found.measurements.items()}
    assert values["cs"] == pytest.approx(classifier_score(made.softmax(1)))
    assert values["fcd"] == pytest.approx(frechet_distance(Moments.of(reals), Moments.of(made)))
    assert values["kcd"] == pytest.approx(kernel_distance(Cloud.of(reals), Cloud.of(made)))
    assert values["precision"] == precision(Manifold.of(reals), Manifold.of(made))
    assert all(each.images == 300 for each in found.measurements.values())
    assert json.loads(json.dumps({key: each.plain() for key, each in found.measurements.items()}))


@pytest.mark.slow
def test_of_many_images_all_count_a_thousand_at_a_time_beside_a_thousand_real_ones():
    many, reals = images(2, 2_500, 150), images(3, 3_000)
    found = judge(look(), many, reals, None).measurements
    parts = [
        kernel_distance(Cloud.of(features(reals[begin::3][:1_000])), Cloud.of(features(many[place : place + 1_000])))
        for begin, place in ((0, 0), (1, 1_000))
    ]
    assert found["kcd"].value == pytest.approx(np.mean(parts))
    assert (found["kcd"].images, found["kcd"].at_a_time, found["fcd"].images) == (2_000, 1_000, 2_500)
    half = judge(look(), many[:1_000], reals, None).measurements
    for key in ("kcd", "precision", "recall", "density", "coverage"):
        assert found[key].error < half[key].error
        assert found[key].value == pytest.approx(half[key].value, abs=5 * half[key].error)


def test_with_inception_the_scores_have_the_names_of_the_literature_and_its_ten_splits():
    found = judge(look("inception"), MADE, REALS, None).measurements
    assert {"is", "fid", "kid", "inception_precision"} < set(found)
    assert found["is"].value == pytest.approx(classifier_score(features(MADE).softmax(1), splits=10))
    assert "10 splits" in found["is"].formula


def test_unseen_real_images_are_measured_beside_if_they_are_as_many():
    unseen = images(4, 400)
    found = judge(look(), MADE, REALS, unseen).measurements
    assert found["fcd"].real == pytest.approx(
        frechet_distance(Moments.of(features(REALS)), Moments.of(features(unseen[:300])))
    )
    assert found["fcd"].real is not None
    assert found["fcd"].real < found["fcd"].value
    assert all(each.real is None for each in judge(look(), MADE, REALS, unseen[:299]).measurements.values())


@pytest.mark.slow
def test_the_bias_of_few_images_is_told_about_as_large_as_it_is():
    found = [judge(look(), images(10 + seed, 40), REALS, None).measurements["fcd"] for seed in range(16)]
    without = frechet_distance(Moments.of(features(REALS)), Moments.of(features(images(5, 20_000))))
    reads = np.mean([each.value for each in found]) - without
    assert np.mean([each.bias for each in found]) == pytest.approx(reads, rel=0.3)


def test_an_interval_holds_95_of_100_of_a_normal_error_and_a_share_stays_a_share():
    found = judge(look(), MADE, REALS, None).measurements
    low, high = found["fcd"].interval
    assert (high - low) / 2 == pytest.approx(1.96 * found["fcd"].error)
    for key in ("precision", "recall", "coverage"):
        low, high = found[key].interval
        assert 0 <= low <= found[key].value <= high <= 1


@pytest.mark.slow
def test_intervals_hold_the_mean_of_many_evaluations():
    found = [judge(look(), images(100 + seed, 100, 140), REALS[:200], None).measurements for seed in range(40)]
    for key in ("cs", "fcd", "kcd", "precision", "recall", "density", "coverage"):
        mean = np.mean([each[key].value for each in found])
        held = [each[key].interval[0] <= mean <= each[key].interval[1] for each in found]
        assert np.mean(held) >= 0.85, key  # 0.95 expected; 40 of them err by 0.035


def test_a_network_that_knows_no_classes_tells_all_but_the_classifier_score():
    class Blind(Corners):
        classifies = False

        def __call__(self, images):
            return Seen(super().__call__(images).features, None)

    assert "cs" not in judge(Look("own", Blind(), "", {}), MADE, REALS, None).measurements


def test_copies_are_told_with_their_originals():
    found = judge(look(), REALS[:50], REALS, images(6, 200))
    assert found.measurements["copied"].value > 0.9
    assert found.memorisation is not None
    assert found.memorisation.distances.max() == 0
    assert not found.memorisation.left_out


def test_features_that_are_not_finite_make_numbers_that_are_nan_and_no_error():
    class Broken(Corners):
        def __call__(self, images):
            seen = super().__call__(images)
            return Seen(seen.features * math.inf, seen.probabilities * math.nan)

    found = judge(Look("own", Broken(), "", {}), MADE, REALS, None).measurements
    assert all(math.isnan(each.value) for each in found.values())

"""The standard errors that scores come with are how far the scores are off, drawn again."""

import math

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.scores import classifier_score, frechet, kernel
from pbt_gan.gan.scores.frechet import Moments, frechet_influence
from pbt_gan.gan.scores.judge import Judge, prepare_scorers
from pbt_gan.gan.scores.kernel import Cloud, kernel_influence
from pbt_gan.gan.scores.score import Seen
from pbt_gan.gan.settings import MetricsSettings

REPEATS = 400


def coverage(score, reference, draw):
    """Return how often the mean of many scores lies within 1.96 standard errors of one."""
    samples = [draw(stream(0, "samples", n)) for n in range(REPEATS)]
    found = [(score.measure(seen, reference), score.error(seen, reference)) for seen in samples]
    scores, errors = map(np.array, zip(*found, strict=True))
    return np.mean(abs(scores - scores.mean()) < 1.96 * errors), errors.mean() / scores.std()


@pytest.mark.slow
@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_the_standard_error_of_a_classifier_score_covers_repeated_scores(sharpness):
    def draw(rng):
        logits = torch.from_numpy(sharpness * rng.normal(size=(200, 10)))
        return Seen(logits, torch.softmax(logits, 1))

    covered, ratio = coverage(classifier_score.SCORE, None, draw)
    assert 0.92 <= covered <= 0.98
    assert ratio == pytest.approx(1, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("score", [frechet.SCORE, kernel.SCORE])
def test_the_standard_error_of_a_distance_covers_repeated_distances(score):
    reals = torch.from_numpy(stream(0, "reals").normal(size=(1_000, 6)))
    moments = Moments.of(reals)
    kept = {"mean": moments.mean, "covariance": moments.covariance, "kernel_features": reals}
    mixing = stream(1, "mixing").normal(size=(6, 6)) / 2

    def draw(rng):
        return Seen(torch.from_numpy(rng.normal(size=(300, 6)) @ mixing + 0.4), None)

    covered, ratio = coverage(score, score.reference(kept), draw)
    assert 0.92 <= covered <= 0.98
    assert ratio == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_the_error_that_a_judge_tells_covers_scores_with_other_latents(tmp_path):
    digits = load_dataset("digits")
    prepare_scorers(digits, tmp_path)
    judge = Judge(digits, MetricsSettings(samples=150, held_out_samples=100), tmp_path, "cpu")

    def sample(count, rng):  # digits with a disturbance of each its own, as of a generator that is half trained
        images = digits.images[rng.integers(0, len(digits.images), count)].astype(float)
        disturbed = images + rng.exponential(30.0, (count, 1, 1, 1)) * rng.normal(size=images.shape)
        return [torch.from_numpy(disturbed.clip(0, 255).astype(np.uint8))]

    found = [judge.measure(sample, stream(0, "eval", n))[0] for n in range(60)]
    scores, errors = (np.array([each[name] for each in found]) for name in ("score", "score_error"))
    assert 0.88 <= np.mean(abs(scores - scores.mean()) < 1.96 * errors) <= 1
    assert errors.mean() == pytest.approx(scores.std(), rel=0.25)


def test_errors_equal_the_jackknife_that_leaves_out_one_sample_at_a_time():
    rng = stream(3, "samples")
    reals = torch.from_numpy(rng.normal(size=(500, 3)))
    features = torch.from_numpy(rng.normal(size=(120, 3)) * [1, 2, 0.5] + 1)
    probabilities = torch.softmax(torch.from_numpy(rng.normal(size=(120, 4))), 1)
    places = torch.arange(120)
    for score, reference in (
        (classifier_score.SCORE, None),
        (frechet.SCORE, Moments.of(reals)),
        (kernel.SCORE, Cloud.of(reals)),
    ):
        others = [Seen(features[places != n], probabilities[places != n]) for n in places]
        without = np.array([score.measure(seen, reference) for seen in others])
        jackknife = math.sqrt(119 / 120 * ((without - without.mean()) ** 2).sum())
        assert score.error(Seen(features, probabilities), reference) == pytest.approx(jackknife, rel=0.05)


def test_samples_that_are_all_alike_have_no_error_and_broken_ones_none_to_tell():
    reals = torch.from_numpy(stream(0).normal(size=(50, 3)))
    alike, broken = Seen(torch.ones(5, 3), torch.full((5, 4), 0.25)), torch.full((5, 3), math.inf)
    assert classifier_score.SCORE.error(alike, None) == 0
    assert frechet.SCORE.error(alike, Moments.of(reals)) == 0
    assert kernel.SCORE.error(alike, Cloud.of(reals)) == 0
    assert math.isnan(classifier_score.SCORE.error(Seen(broken, torch.full((5, 4), math.nan)), None))
    assert frechet_influence(Moments.of(reals), broken).isnan().all()
    assert kernel_influence(Cloud.of(reals), Cloud.of(broken)).isnan().all()

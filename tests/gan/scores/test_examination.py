"""An examination tells networks that can judge from those that cannot, and says why."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.core.rng import stream
from pbt_gan.gan.scores.corruptions import GRADED, NOTHING
from pbt_gan.gan.scores.examination import (
    RANKING_BAR,
    SEPARATION_BAR,
    YOUNG,
    Findings,
    Found,
    examine,
    judged,
)
from pbt_gan.gan.scores.frechet import Moments
from pbt_gan.gan.scores.score import Seen

FOUND = Found(
    9.0,
    dict.fromkeys(NOTHING, 1.0),
    dict.fromkeys(NOTHING, 0.02),
    dict.fromkeys(GRADED, 0.9),
    dict.fromkeys(YOUNG, 0.5),
)
GOOD = Findings(unseen=200, accuracy=0.9, chance=0.1, scores={"cs": FOUND, "fcd": FOUND})


def with_found(**changes):
    return replace(GOOD, scores={"cs": replace(FOUND, **changes), "fcd": replace(FOUND, **changes)})


# Deciding


def test_who_knows_its_lesson_and_sets_all_apart_and_ranks_passes_and_says_with_what():
    found = judged(GOOD, "cs", 1_000)
    assert found.passed
    assert found.accuracy_bar == pytest.approx(0.55)
    assert found.weakest == pytest.approx(1_000**0.5)
    assert all(word in found.reason for word in ("accuracy 0.90", "31.6 standard errors", "0.90"))


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        (replace(GOOD, accuracy=0.34), "accuracy 0.34 (bar 0.55)"),
        (with_found(separations={**FOUND.separations, "blocks of colour": 0.1}), "blocks of colour apart by 3.2"),
        (with_found(separations={**FOUND.separations, "random pixels": float("nan")}), "random pixels apart by nan"),
        (with_found(rankings=dict.fromkeys(GRADED, RANKING_BAR - 0.01)), "with 0.69 (bar 0.7)"),
        (
            with_found(orders={**FOUND.orders, "noise": -0.2}),
            "show nothing for better than real ones half spoilt by noise",
        ),
        (with_found(orders=dict.fromkeys(YOUNG, float("nan"))), "half spoilt by noise"),
    ],
)
def test_who_fails_is_told_where_and_by_how_much(findings, told):
    found = judged(findings, "cs", 1_000)
    assert not found.passed
    assert told in found.reason


def test_accuracy_counts_only_where_a_score_is_made_of_probabilities():
    found = judged(replace(GOOD, accuracy=0.1), "fcd", 1_000)
    assert found.passed
    assert found.accuracy_bar is None


@given(st.integers(100, 100_000), st.integers(1, 9), st.floats(-2, 2))
def test_more_samples_set_apart_what_fewer_do_and_four_times_as_many_twice_as_well(samples, times, separation):
    findings = with_found(separations=dict.fromkeys(NOTHING, separation))
    fewer, more = judged(findings, "cs", samples), judged(findings, "cs", samples * times)
    assert not fewer.passed or more.passed
    assert judged(findings, "cs", 4 * samples).weakest == pytest.approx(2 * fewer.weakest)
    assert fewer.passed == (fewer.weakest >= SEPARATION_BAR)


def test_findings_come_back_from_json_as_they_were():
    assert Findings.of(GOOD.plain()) == GOOD


# Measuring


def bars(count, rng):
    """Noise with bright bars, lying or standing, at any place: real images, and which they are."""
    images, labels = rng.integers(0, 100, (count, 8, 8, 1), dtype=np.uint8), rng.integers(0, 2, count)
    places = rng.integers(0, 8, count)
    for image, label, place in zip(images, labels, places, strict=True):
        image[(place, slice(None)) if label == 0 else (slice(None), place)] = 255
    return images, labels


class SeesBars:
    """Sees how bright the brightest row and column are, and is as certain of which it is as they differ."""

    classifies = True

    def __call__(self, images):
        values = images.double()[..., 0]
        features = torch.stack([values.mean(2).amax(1), values.mean(1).amax(1), values.mean((1, 2))], 1) / 64
        return Seen(features, features[:, :2].softmax(1))


class Projects:
    """Sees five mixtures of the pixels, and takes the largest for the class: no classifier, but one that varies."""

    classifies = True

    def __call__(self, images):
        mixing = torch.from_numpy(stream(0, "mixing").normal(size=(64, 5)))
        features = images.double().flatten(1) / 256 @ mixing
        return Seen(features, features.softmax(1))


class SeesNothing:
    """Sees the same in whatever is shown, up to chance."""

    classifies = True

    def __init__(self, seed):
        self._rng = stream(seed, "nothing")

    def __call__(self, images):
        features = torch.from_numpy(self._rng.normal(size=(len(images), 3)))
        return Seen(features, features.softmax(1))


def reals_of(network, images):
    features = network(torch.from_numpy(images)).features
    moments = Moments.of(features)
    return {"mean": moments.mean, "covariance": moments.covariance, "kernel_features": features}


def examined(network, seed=0, unseen=100):
    reals, _ = bars(400, stream(0, "reals"))
    images, _ = bars(unseen, stream(seed, "unseen"))
    return examine(network, reals_of(network, reals), images, ["cs", "fcd", "kcd"], stream(seed, "examination"))


def test_who_sees_what_the_images_are_made_of_passes_and_equal_draws_find_the_same():
    found = examined(SeesBars())
    findings = Findings(100, 0.95, 0.5, found)
    # Half blurred, a bar of one pixel is hardly one any more, and the kernel distance says so.
    assert [judged(findings, score, 1_000).passed for score in ("cs", "fcd", "kcd")] == [True, True, False]
    assert "half spoilt by blur" in judged(findings, "kcd", 1_000).reason
    assert examined(SeesBars()) == found


class MindsNoise:
    """Sees how much neighbours differ, and nothing else: images without noise are all alike to it."""

    classifies = False

    def __call__(self, images):
        values = images.double()[..., 0]
        rough = torch.stack([values.diff(dim=1).abs().mean((1, 2)), values.diff(dim=2).abs().mean((1, 2))], 1)
        return Seen(rough / 16, None)


def test_who_minds_noise_more_than_emptiness_fails():
    smooth = np.repeat(np.repeat(stream(0, "smooth").integers(90, 160, (500, 2, 2, 1), dtype=np.uint8), 4, 1), 4, 2)
    network = MindsNoise()
    found = examine(network, reals_of(network, smooth[100:]), smooth[:100], ["kcd"], stream(0, "examination"))
    assert found["kcd"].orders["noise"] < 0
    assert "half spoilt by noise" in judged(Findings(100, None, None, found), "kcd", 1_000).reason


@pytest.mark.slow
def test_who_sees_nothing_fails_by_every_score_however_it_is_drawn():
    for seed in range(20):
        findings = Findings(100, 0.95, 0.5, examined(SeesNothing(seed), seed))
        assert not any(judged(findings, score, 1_000).passed for score in findings.scores)


@pytest.mark.slow
def test_the_error_of_a_separation_covers_separations_of_other_unseen_images():
    found = [examined(Projects(), seed) for seed in range(40)]
    for score in ("cs", "fcd", "kcd"):
        separations, errors = (
            np.array([[getattr(each[score], what)[name] for name in NOTHING] for each in found])
            for what in ("separations", "separation_errors")
        )
        assert np.mean(abs(separations - separations.mean(0)) < 1.96 * errors) >= 0.88, score

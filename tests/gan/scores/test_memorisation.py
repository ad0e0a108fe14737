"""Copies are told from images of the same kind, by a number with a known distribution; and each has its neighbour."""

import math

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.scores.memorisation import CLOSE, close_share, memorisation, pairs


def draw(seed, count, scale=1.0):
    return torch.from_numpy(scale * stream(seed, "normal").normal(size=(count, 6)))


TRAINING, UNSEEN = draw(0, 500), draw(1, 300)
COPIES = TRAINING[:200] + draw(2, 200, scale=0.05)


@pytest.mark.parametrize("unseen", [UNSEEN, None])
def test_an_independent_sample_has_copied_nothing_and_noisy_copies_all(unseen):
    fresh, copies = memorisation(draw(3, 200), TRAINING, unseen), memorisation(COPIES, TRAINING, unseen)
    assert abs(fresh.copied) < 3 * fresh.error < 0.1
    assert copies.copied > 0.97


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_number_is_the_share_of_copies(share):
    mixed = torch.cat([COPIES[: int(200 * share)], draw(4, int(200 * (1 - share)))])
    found = memorisation(mixed, TRAINING, UNSEEN)
    assert found.copied == pytest.approx(share, abs=3 * found.error)


def test_bad_samples_do_not_hide_copies():
    bad = draw(5, 100, scale=5)
    assert memorisation(torch.cat([COPIES[:100], bad]), TRAINING, UNSEEN).copied == pytest.approx(0.5, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("given", [True, False])
def test_of_independent_samples_about_one_in_twenty_lies_beyond_two_errors(given):
    beyond, values = [], []
    for n in range(150):
        rng = stream(n, "independent")
        training, unseen, samples = (torch.from_numpy(rng.normal(size=(count, 4))) for count in (200, 150, 150))
        found = memorisation(samples, training, unseen if given else None)
        values.append(found.copied)
        beyond.append(abs(found.copied) > 1.96 * found.error)
    assert np.mean(beyond) <= 0.1
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(len(values))


def test_duplicates_in_the_data_are_expected_in_samples_too():
    twice = TRAINING.repeat(2, 1)
    assert memorisation(TRAINING, twice).copied == pytest.approx(0)
    assert memorisation(draw(6, 200), twice).copied <= 0


def test_a_tie_at_the_bound_counts_in_part():
    unseen = np.array([0.0] * 10 + [1.0] * 90)
    assert close_share(np.zeros(30), unseen) == pytest.approx(CLOSE / 0.1)
    assert close_share(unseen, unseen) == pytest.approx(CLOSE)


def test_what_is_not_finite_has_no_number():
    broken = COPIES.clone()
    broken[7, 2] = math.nan
    for found in (memorisation(broken, TRAINING, UNSEEN), memorisation(COPIES, TRAINING, broken)):
        assert math.isnan(found.copied)
        assert math.isnan(found.error)


def test_the_picture_shows_each_sample_above_its_nearest_real_image_the_nearest_pair_first():
    order = np.random.default_rng(0).permutation(200)
    found = memorisation(COPIES[order], TRAINING)
    assert found.neighbours.tolist() == order.tolist()
    reals = np.arange(500, dtype=np.uint16).astype(np.uint8).reshape(500, 1, 1, 1)
    made = np.full((200, 1, 1, 1), 255, np.uint8)
    shown = pairs(made, reals, found).reshape(8, 8)
    assert (shown[::2] == 255).all()
    ranks = np.argsort(found.distances)[np.linspace(0, 199, 32).round().astype(int)]
    assert shown[1::2].ravel().tolist() == (order[ranks] % 256).tolist()


def test_fewer_samples_than_the_picture_holds_are_shown_again():
    found = memorisation(COPIES[:5], TRAINING)
    assert pairs(np.zeros((5, 8, 8, 3), np.uint8), np.zeros((500, 8, 8, 3), np.uint8), found).shape == (64, 8, 8, 3)

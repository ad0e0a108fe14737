"""A network is asked what it sees, and the scores that it can measure follow; another score is a line in the table."""

import json
import math
from types import MappingProxyType

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.scores import table
from pbt_gan.gan.scores.judge import Judge, cards, prepare_scorers
from pbt_gan.gan.scores.score import Score, Seen
from pbt_gan.gan.scores.scorer import Scorer
from pbt_gan.gan.settings import MetricsSettings

REALS = {"mean": torch.zeros(2).double(), "covariance": torch.eye(2).double(), "kernel_features": torch.randn(9, 2)}


class Brightness:
    """Sees how bright images are, and how bright their upper halves."""

    def __init__(self, *, classifies):
        self.classifies = classifies

    def __call__(self, images):
        features = torch.stack([images.double().mean((1, 2, 3)), images[:, :4].double().mean((1, 2, 3))], 1)
        return Seen(features, features.softmax(1) if self.classifies else None)


def images(seed):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (20, 8, 8, 1), np.uint8))


@pytest.mark.parametrize("classifies", [True, False])
def test_a_network_that_gives_no_probabilities_measures_what_needs_none(classifies):
    scorer = Scorer(Brightness(classifies=classifies), REALS)
    one, nothing, other = scorer.measure([images(0), None, images(1)])
    assert set(one) == {"cs", "fcd", "kcd"} - (set() if classifies else {"cs"})
    assert all(math.isfinite(value) for value in one.values())
    assert set(nothing) == set(one)
    assert all(math.isnan(value) for value in nothing.values())
    assert scorer.measure([images(1)]) == [other]


def spread(seen, real_spread):
    return float(seen.features.var(0).sum() / real_spread)


SPREAD = Score("relative spread", "tr C₁ / tr C₂", "higher", spread, lambda reals: reals["covariance"].trace())


def test_a_score_that_is_added_to_the_table_is_measured_in_both_roles_and_has_a_card(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "SCORES", MappingProxyType({**table.SCORES, "spread": SPREAD}))
    digits, metrics = load_dataset("digits"), MetricsSettings(samples=100, held_out_samples=100)
    prepare_scorers(digits, tmp_path)
    reals = torch.from_numpy(digits.images)
    (measured,) = Judge(digits, metrics, tmp_path, "cpu").measure(lambda count, rng: [reals], stream(0, "eval"))
    assert measured["spread"] == pytest.approx(1, abs=1e-4)
    assert measured["held_out_spread"] == pytest.approx(1, abs=1e-4)
    found = cards(digits, metrics, tmp_path)
    assert set(found) == set(measured) - {"score_error"}
    card = found["held_out_spread"]
    assert (card["short"], card["name"], card["better"]) == ("held-out SPREAD", "relative spread (SPREAD)", "higher")
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("key", table.SCORES)
def test_every_score_says_what_its_card_tells(key):
    score = table.SCORES[key]
    assert score.name
    assert score.formula
    assert score.better in ("higher", "lower")

"""Who scores a run is examined, chosen once, told of, and made once for all runs of the same images."""

from dataclasses import replace

import numpy as np
import pytest

from pbt_gan.codec import encode
from pbt_gan.errors import ConfigError
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.scores import recipes
from pbt_gan.gan.scores.judge import Judge, cards
from pbt_gan.gan.scores.rehearsal import rehearse_scorers
from pbt_gan.gan.scores.scorers import as_chosen, prepare_scorers, read_scorer, scorer_file
from pbt_gan.gan.settings import MetricsSettings

DIGITS = load_dataset("digits")
METRICS = MetricsSettings(samples=200, held_out_samples=200)


def with_settings(**settings):
    return METRICS.model_copy(update=settings)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(recipes, "STEPS", 2)


def some_digits(labels=True):
    assert DIGITS.labels is not None
    return Dataset.of("mine", DIGITS.images[:120], DIGITS.labels[:120] if labels else None)


def hardly_told_apart(count=300, size=8):
    """Colour images in ten classes, of which each has a faint pattern of its own under a strong one of the image's."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 10
    across = np.linspace(0, 3, size)
    shifts = rng.uniform(0, 6, (count, 1, 1, 3))
    waves = np.sin(across[:, None, None] * rng.uniform(0.5, 2, (count, 1, 1, 3)) + across[:, None] + shifts)
    faint = rng.normal(size=(10, size, size, 3))[labels]
    noise = rng.normal(size=(count, size, size, 3))
    return Dataset.of("faint", (128 + 70 * waves + 0.7 * faint + 12 * noise).clip(0, 255).astype(np.uint8), labels)


@pytest.mark.slow
def test_a_classifier_that_hardly_tells_unseen_images_apart_does_not_select(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(recipes, "STEPS", 100)
    faint = hardly_told_apart()
    prepare_scorers(faint, tmp_path / "run", METRICS)
    card = read_scorer(tmp_path / "run", "select", faint)["card"]
    assert card["passed_over"] == ["classifier"]
    assert card["rung"] == "rotations"
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("the classifier tells unseen images with accuracy 0." in line and "(bar 0.5" in line for line in told)
    assert any(line.startswith("Only 300 images") for line in told)
    shown = cards(faint, METRICS, tmp_path / "run")
    assert shown["score"]["same_as"] == f"negated {card['ranks_by']}"
    assert shown["score"]["examination"]["unseen_images"] == 50
    assert shown["score"]["of_real_images_unseen"] == 50


def test_two_runs_of_the_same_images_make_their_scorers_once_and_so_does_a_dry_run_nothing(tmp_path, caplog):
    caplog.set_level("INFO")
    data = some_digits(labels=False)
    assert rehearse_scorers(data, tmp_path / "dry", METRICS) > 0
    assert "making the scorer" not in caplog.text
    prepare_scorers(data, tmp_path / "one", METRICS)
    assert caplog.text.count("making the scorer") == 2
    prepare_scorers(data, tmp_path / "two", METRICS)
    assert rehearse_scorers(data, tmp_path / "dry again", METRICS) == 0
    assert caplog.text.count("making the scorer") == 2
    for role in recipes.RECIPES:
        assert scorer_file(tmp_path / "one", role).read_bytes() == scorer_file(tmp_path / "two", role).read_bytes()


def test_who_is_forced_scores_whatever_its_examination_says_and_settings_tell_what_auto_came_to(tmp_path):
    data, metrics = some_digits(), with_settings(select="rotations")
    prepare_scorers(data, tmp_path, metrics)
    assert as_chosen(metrics, tmp_path) == with_settings(
        select="rotations", judge=read_scorer(tmp_path, "held-out", data)["card"]["rung"]
    )
    assert set(cards(data, metrics, tmp_path)) >= {"score", "fcd", "kcd"}
    with pytest.raises(ConfigError, match="needs labels"):
        prepare_scorers(some_digits(labels=False), tmp_path / "bare", with_settings(select="classifier"))


def test_digits_are_scored_by_what_is_shipped_and_its_cards_have_the_examination(tmp_path, caplog):
    caplog.set_level("INFO")
    prepare_scorers(DIGITS, tmp_path, METRICS)
    assert "making the scorer" not in caplog.text
    assert "Members are ranked by CS of the classifier" in caplog.text
    assert as_chosen(METRICS, tmp_path) == with_settings(select="classifier", judge="classifier")
    for name, card in cards(DIGITS, METRICS, tmp_path).items():
        assert card["examination"]["passed"], name
        assert card["of_real_images_unseen"] == 179


def test_scorers_of_earlier_versions_score_on_as_they_did_and_were_never_examined(tmp_path):
    data = some_digits()
    prepare_scorers(data, tmp_path, with_settings(select="classifier", judge="classifier"))
    new = ("rung", "findings", "ranks_by", "passed_over", "why", "reals")
    for role in recipes.RECIPES:
        tree = read_scorer(tmp_path, role, data)
        old = {name: value for name, value in tree["card"].items() if name not in new}
        scorer_file(tmp_path, role).write_bytes(encode({**tree, "card": old}))
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    prepare_scorers(data, tmp_path, METRICS)
    assert {path: path.read_bytes() for path in before} == before
    assert as_chosen(METRICS, tmp_path).select == "classifier"
    shown = cards(data, METRICS, tmp_path)
    assert shown["score"]["same_as"] == "cs"
    assert "examination" not in shown["cs"]
    Judge(data, METRICS, tmp_path, "cpu")


def test_another_split_for_tests_does_not_take_the_scorers_of_the_first(tmp_path, caplog):
    caplog.set_level("INFO")
    data = some_digits(labels=False)
    prepare_scorers(data, tmp_path / "one", METRICS)
    other = replace(data, unseen=Dataset.of("x", DIGITS.images, unseen=(DIGITS.images[200:260], None)).unseen)
    prepare_scorers(other, tmp_path / "two", METRICS)
    assert caplog.text.count("making the scorer") == 4

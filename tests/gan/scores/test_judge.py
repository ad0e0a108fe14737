"""Scorers are shipped or trained once, belong to one data set, and measure every member alike."""

import hashlib
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from pbt_gan.core.rng import stream
from pbt_gan.errors import DamageError, RunFolderError
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.data.classes import Classes
from pbt_gan.gan.scores import recipes, scorers
from pbt_gan.gan.scores.judge import Judge, cards, digests, prepare_scorers
from pbt_gan.gan.scores.recipes import RECIPES
from pbt_gan.gan.scores.scorers import scorer_file, shipped_folder
from pbt_gan.gan.settings import MetricsSettings

DIGITS = load_dataset("digits")
LABELS = np.asarray(DIGITS.labels)
METRICS = MetricsSettings(samples=400, held_out_samples=300)


def reals(dataset):
    """A generator that is perfect: it draws from the data."""
    return lambda count, rng: [torch.from_numpy(dataset.images[rng.integers(0, len(dataset.images), count)])]


def noise(count, rng):
    return [torch.from_numpy(rng.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8))]


@pytest.fixture(scope="module")
def digits_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "scorers"
    prepare_scorers(DIGITS, folder)
    return folder


@pytest.fixture(scope="module")
def judge(digits_folder):
    return Judge(DIGITS, METRICS, digits_folder, "cpu")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(recipes, "STEPS", 2)


# Scorers


@pytest.mark.parametrize("role", RECIPES)
def test_the_shipped_scorers_are_those_of_their_cards(role):
    card = json.loads((shipped_folder() / "digits.json").read_text())[role]
    data = (shipped_folder() / card["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == card["sha256"]
    assert len(data) == card["bytes"] < 1.5e6
    assert card["data_fingerprint"] == DIGITS.fingerprint
    assert card["accuracy"] >= 0.97
    assert 9 < card["score_of_real_images"] <= 10


def test_the_two_scorers_differ_in_seed_and_width():
    one, other = RECIPES.values()
    assert one.seed != other.seed
    assert one.width != other.width


def test_the_digits_get_the_shipped_scorers(digits_folder):
    for role in RECIPES:
        shipped = shipped_folder() / f"digits-{role}.safetensors"
        assert scorer_file(digits_folder, role).read_bytes() == shipped.read_bytes()


def test_the_digits_in_a_file_of_ones_own_get_the_shipped_scorers_too(tmp_path):
    np.savez(tmp_path / "mine.npz", images=DIGITS.images[..., 0], labels=LABELS)
    prepare_scorers(load_dataset(str(tmp_path / "mine.npz")), tmp_path)
    shipped = shipped_folder() / "digits-select.safetensors"
    assert scorer_file(tmp_path, "select").read_bytes() == shipped.read_bytes()


def test_a_damaged_shipped_scorer_is_refused(tmp_path, monkeypatch):
    for file in shipped_folder().iterdir():
        data = bytearray(file.read_bytes())
        if file.suffix == ".safetensors":
            data[-5] ^= 1
        (tmp_path / file.name).write_bytes(data)
    monkeypatch.setattr(scorers, "shipped_folder", lambda: tmp_path)
    with pytest.raises(DamageError, match="install pbt-gan again"):
        prepare_scorers(DIGITS, tmp_path / "scorers")


def test_scorers_that_are_there_are_kept_and_lost_or_torn_ones_made_again(tmp_path, quick):
    dataset = Dataset.of("mine", DIGITS.images[:200], LABELS[:200])
    prepare_scorers(dataset, tmp_path)
    select, held_out = (scorer_file(tmp_path, role) for role in RECIPES)
    written = select.stat().st_mtime_ns
    first = digests(tmp_path)
    held_out.write_bytes(held_out.read_bytes()[:1000])
    prepare_scorers(dataset, tmp_path)
    assert select.stat().st_mtime_ns == written
    assert digests(tmp_path) == first


def test_scorers_of_other_data_are_not_used(digits_folder, tmp_path):
    other = Dataset.of("other", DIGITS.images[::-1])
    before = {path: path.read_bytes() for path in digits_folder.iterdir()}
    for use in (lambda: Judge(other, METRICS, digits_folder, "cpu"), lambda: prepare_scorers(other, digits_folder)):
        with pytest.raises(RunFolderError, match="other images"):
            use()
    assert {path: path.read_bytes() for path in digits_folder.iterdir()} == before
    with pytest.raises(DamageError, match="missing"):
        Judge(DIGITS, METRICS, tmp_path, "cpu")


def test_images_without_labels_are_scored_by_what_rotations_teach(tmp_path, quick):
    dataset = Dataset.of("mine", DIGITS.images[:100])
    prepare_scorers(dataset, tmp_path)
    metrics = Judge(dataset, METRICS, tmp_path, "cpu").measure(reals(dataset), stream(0, "eval"))[0]
    found = {"score", "fcd", "kcd", "held_out_fcd", "held_out_kcd"}
    assert {*metrics} - {"score_error"} == found == {*cards(dataset, METRICS, tmp_path)}
    assert metrics["score"] == -metrics["fcd"]


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [True, False])
def test_the_smallest_data_set_can_be_scored(tmp_path, quick, labelled):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    dataset = Dataset.of("small", images, np.arange(20) % 2 if labelled else None)
    prepare_scorers(dataset, tmp_path)
    metrics = Judge(dataset, METRICS, tmp_path, "cpu").measure(reals(dataset), stream(0, "eval"))[0]
    assert all(math.isfinite(value) for value in metrics.values())


# Measuring


def test_real_images_score_near_the_best_and_noise_near_the_worst(judge):
    (real,), (worst,) = judge.measure(reals(DIGITS), stream(0, "eval")), judge.measure(noise, stream(0, "eval"))
    for prefix in ("", "held_out_"):
        assert real[prefix + "cs"] > 9
        assert real[prefix + "fcd"] < 1
        assert abs(real[prefix + "kcd"]) < 0.02
        assert worst[prefix + "cs"] < 3
        assert worst[prefix + "fcd"] > 20
        assert worst[prefix + "kcd"] > 1
    assert real["score"] == real["cs"]


def test_equal_streams_give_equal_bits_and_others_do_not(judge):
    one, again, other = (judge.measure(reals(DIGITS), stream(seed, "eval")) for seed in (0, 0, 1))
    assert one == again
    assert one != other


def test_selection_and_held_out_metrics_see_different_latents(judge):
    seen = []

    def sample(count, rng):
        seen.append((count, rng.random()))
        return noise(count, rng)

    judge.measure(sample, stream(0, "eval"))
    assert [count for count, _ in seen] == [400, 300]
    assert seen[0][1] != seen[1][1]


def test_samples_that_are_not_finite_score_nan(judge):
    (metrics,) = judge.measure(lambda count, rng: [None], stream(0, "eval"))
    assert {*metrics} == {*judge.measure(noise, stream(0, "eval"))[0]}
    assert all(math.isnan(value) for value in metrics.values())


def test_members_are_measured_together_as_each_alone(judge):
    def sample(count, rng):
        images = torch.from_numpy(rng.integers(0, 256, (3, count, 8, 8, 1), np.uint8))
        return [images[0], None, images[1] // 2, images[2]]

    together = judge.measure(sample, stream(0, "eval"))
    alone = [judge.measure(lambda *given, n=n: [sample(*given)[n]], stream(0, "eval"))[0] for n in range(4)]
    assert repr(together) == repr(alone)


def test_members_that_make_one_image_only_are_scored_without_an_error(judge):
    (metrics,) = judge.measure(lambda count, rng: [torch.zeros(count, 8, 8, 1, dtype=torch.uint8)], stream(0, "eval"))
    assert metrics["score"] == pytest.approx(1)
    assert all(math.isfinite(value) for value in metrics.values())


# Cards


def test_every_metric_has_a_card_that_is_plain_json(judge, digits_folder):
    found = cards(DIGITS, METRICS, digits_folder)
    assert {*found} == {*judge.measure(noise, stream(0, "eval"))[0]} - {"score_error"}
    assert json.loads(json.dumps(found)) == found
    for key, card in found.items():
        role = "held-out" if key.startswith("held_out") else "select"
        assert card["network_sha256"] == digests(digits_folder)[f"scorers/{role}"]
        assert card["samples"] == (300 if role == "held-out" else 400)
    assert found["score"]["same_as"] == "cs"
    assert [found[key]["better"] for key in ("cs", "fcd", "kcd")] == ["higher", "lower", "lower"]


@pytest.mark.slow
def test_preparing_and_describing_shipped_scorers_needs_no_torch(tmp_path):
    code = f"""
import sys
from pathlib import Path
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.scores.judge import cards, digests, prepare_scorers
from pbt_gan.gan.settings import MetricsSettings
folder, digits = Path({str(tmp_path)!r}), load_dataset("digits")
prepare_scorers(digits, folder)
cards(digits, MetricsSettings(), folder), digests(folder)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# Classes


def shown(count, offset=0):
    """Real images of the classes that are asked for, or of others."""
    asked = (Classes.of(DIGITS).labels(count) + offset) % 10
    places = [np.flatnonzero(number == LABELS)[nth % 150] for nth, number in enumerate(asked)]
    return torch.from_numpy(DIGITS.images[places])


def test_class_accuracy_is_how_often_the_judge_sees_the_class_that_was_asked_for(digits_folder):
    judge = Judge(DIGITS, METRICS, digits_folder, "cpu", Classes.of(DIGITS))
    right, wrong, lost = judge.measure(lambda count, rng: [shown(count), shown(count, 1), None], stream(0, "eval"))
    assert right["held_out_class_accuracy"] > 0.95
    assert wrong["held_out_class_accuracy"] < 0.05
    assert math.isnan(lost["held_out_class_accuracy"])
    assert wrong["score"] > 9  # it judges alone
    assert "class_accuracy" not in right
    told = cards(DIGITS, METRICS, digits_folder, conditional=True)
    assert set(right) - {"score_error"} == set(told)
    card = told["held_out_class_accuracy"]
    assert (card["short"], card["better"], card["samples"]) == ("held-out class accuracy", "higher", 300)
    assert card["network_accuracy"] > 0.95

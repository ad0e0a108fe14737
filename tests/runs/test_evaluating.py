"""Anybody's images are measured beside anybody's; a run's generator makes its own."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pbt_gan
from pbt_gan.errors import ConfigError, DataError
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.scores.networks import imagenet

DIGITS = load_dataset("digits").images
GAN: dict[str, Any] = {
    "task": {"name": "gan", "width": 2, "z_size": 4, "batch_size": 16},
    "metrics": {"samples": 100, "held_out_samples": 100},
    "executor": {"name": "serial", "workers": 1},
}


@pytest.fixture(autouse=True)
def without_imagenet(monkeypatch):
    monkeypatch.setattr(imagenet, "find_weights", lambda: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    pbt_gan.run(None, out=folder, quiet=True, population_size=2, total_steps=4, ready_interval=2, **GAN)
    return folder


def raising(error: Exception) -> Callable[..., None]:
    def raising(*_: Any) -> None:
        raise error

    return raising


@pytest.mark.slow
def test_real_images_score_well_and_noise_badly(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "real.npz", images=DIGITS[rng.permutation(len(DIGITS))[:300]])
    np.savez(tmp_path / "noise.npz", images=rng.integers(0, 256, (300, 8, 8, 1), np.uint8))
    real, noise = (pbt_gan.evaluate(tmp_path / f"{name}.npz", "digits").scores for name in ("real", "noise"))
    assert real["cs"].value > 9 > 3 > noise["cs"].value
    assert real["fcd"].interval[1] < noise["fcd"].interval[0]
    assert real["recall"].value > 0.9 > 0.1 > noise["precision"].value
    assert real["copied"].value > 0.9
    assert abs(noise["copied"].value) < 0.1


@pytest.mark.slow
def test_a_run_is_measured_beside_its_own_data_with_its_own_network(run):
    best = pbt_gan.evaluate(run, samples=100)
    assert best.against == "1,797 images of digits"
    assert "100 images of" in best.images
    checkpoint = pbt_gan.Run.open(run).member("best").checkpoint
    by_name = pbt_gan.evaluate(run / "checkpoints" / f"{checkpoint}.safetensors", samples=100)
    assert {key: each.value for key, each in by_name.scores.items()} == {
        key: each.value for key, each in best.scores.items()
    }
    assert best.neighbours is not None
    assert best.neighbours.shape == (64, 8, 8, 1)
    assert json.loads(json.dumps(best.plain(), allow_nan=False))["networks"]["own"]["real_images"] == 1_797


def test_a_run_whose_data_is_gone_is_measured_beside_what_its_network_saw_of_it(run, monkeypatch):
    there = pbt_gan.evaluate(run, samples=100)

    monkeypatch.setattr("pbt_gan.gan.task.load_dataset", raising(DataError("The disk is not plugged in.")))
    found = pbt_gan.evaluate(run, samples=100)
    assert found.neighbours is None
    assert "1,797 images of digits" in found.against
    assert "the real images are not here: The disk is not plugged in" in found.remarks
    assert found.scores.keys() == {"cs", "fcd", "kcd"}
    for key in ("cs", "fcd"):
        assert found.scores[key].value == pytest.approx(there.scores[key].value, rel=1e-4)
    assert json.loads(json.dumps(found.plain(), allow_nan=False))["networks"]["own"]["real_images"] == 1_797
    for said in ("data", "inception", "against"):
        options: dict[str, Any] = {said: "elsewhere"}
        with pytest.raises(pbt_gan.PbtGanError):
            pbt_gan.evaluate(run, samples=100, **options)
    with pytest.raises(ConfigError, match="at least 20"):
        pbt_gan.evaluate(run, samples=10)


@pytest.mark.slow
def test_where_there_is_no_such_network_it_is_said_that_the_data_is_gone(run, tmp_path, monkeypatch):
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    (copy / "scorers" / "held-out.safetensors").write_bytes(b"spoilt")
    monkeypatch.setattr("pbt_gan.gan.task.load_dataset", raising(DataError("The disk is not plugged in.")))
    with pytest.raises(DataError, match="not plugged in"):
        pbt_gan.evaluate(copy, samples=100)


@pytest.mark.slow
def test_images_of_another_size_and_colour_are_fitted_to_the_real_ones_and_it_is_said():
    large = np.repeat(np.kron(DIGITS[:40, ..., 0], np.ones((1, 2, 2), np.uint8))[..., None], 3, axis=3)
    found = pbt_gan.evaluate(large, "digits", reals=500)
    assert "resized from 16×16 to 8×8" in " ".join(found.remarks)
    assert "to grey" in " ".join(found.remarks)
    assert "500 of the 1,797 real images" in " ".join(found.remarks)


@pytest.mark.slow
def test_a_folder_of_pictures_is_measured(tmp_path):
    for place, image in enumerate(DIGITS[::60]):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{place}.png")
    assert pbt_gan.evaluate(tmp_path, "digits").scores["copied"].value > 0.9


def test_what_cannot_be_measured_is_refused_in_a_line(tmp_path, run):
    with pytest.raises(ConfigError, match="--against"):
        pbt_gan.evaluate(DIGITS)
    with pytest.raises(ConfigError, match="20 are needed"):
        pbt_gan.evaluate(DIGITS[:19], "digits")
    with pytest.raises(ConfigError, match="10 real images: at least 20"):
        pbt_gan.evaluate(DIGITS[:30], DIGITS[:10])
    with pytest.raises(DataError, match="must be square"):
        pbt_gan.evaluate(DIGITS[:30], DIGITS[:, :4])
    with pytest.raises(DataError, match="does not exist"):
        pbt_gan.evaluate(tmp_path / "nothing", "digits")
    with pytest.raises(ConfigError, match="weights"):
        pbt_gan.evaluate(DIGITS, "digits", inception=tmp_path / "weights.pth")
    with pytest.raises(ConfigError, match="there is none"):
        pbt_gan.evaluate(run, member="77")

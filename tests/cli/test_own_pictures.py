"""Somebody comes with a folder of pictures and wants a generator in a program of their own."""

from pathlib import Path

import numpy as np
import pytest
import torch

import pbt_gan as package
from tests.mixed_pictures import CORRUPT, COUNT, UNSEEN, mixed_pictures

SHORT = ("--population", 2, "--budget", 8, "--executor", "serial", "--workers", 1, "--set", "pbt.ready_interval=2")
SMALL = ("--set", "task.width=4", "--set", "task.batch_size=16", "--set", "metrics.samples=100")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed_pictures(tmp_path_factory.mktemp("brought") / "stripes")


@pytest.mark.slow
def test_a_folder_of_pictures_becomes_a_generator_by_three_commands(
    pbt_gan, folder, tmp_path: Path, monkeypatch, caplog
):
    caplog.set_level("INFO")
    monkeypatch.setattr("pbt_gan.gan.scores.recipes.STEPS", 60)
    trained = pbt_gan("train", "--data", folder, "--resolution", 16, "--out", "run", *SHORT, *SMALL)
    assert trained.code == 0, trained.err
    for line in (
        f"stripes: folder of images, {COUNT - UNSEEN - CORRUPT} colour images in 2 classes (cats, dogs), ",
        "fitted: centre crop, 16×16",
        f"left out: {CORRUPT} that cannot be read (train/cats/0100.webp: damaged",
        f"unseen: {UNSEEN} images are never trained on",
        "Members are ranked by CS of the classifier: it tells unseen images with accuracy",
    ):
        assert line in caplog.text
    assert (tmp_path / "run" / "report.html").exists()

    assert pbt_gan("sample", "run", "--count", 9, "--out", "samples.npz").code == 0
    sampled = np.load("samples.npz")["images"]
    assert sampled.shape == (9, 16, 16, 3)

    assert pbt_gan("export", "run", "--format", "safetensors", "--out", "exported").code == 0
    generator = package.load_generator("exported")
    assert np.array_equal(generator.sample(9, seed=0), sampled)
    assert torch.is_tensor(generator(torch.zeros(2, generator.latent_dim)))

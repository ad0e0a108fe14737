"""Inception v3 looks at images when somebody has its file, whatever that is called, and says what is wrong if not."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch

from pbt_gan.errors import ConfigError
from pbt_gan.gan.scores.networks import inception
from pbt_gan.gan.scores.networks.inception import NAMES, Inception, find_weights
from pbt_gan.gan.scores.networks.inception_v3 import InceptionV3


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    for name in ("PBT_GAN_INCEPTION", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_there_are_no_weights_unless_somebody_has_them(nowhere):
    assert find_weights() is None


def test_what_is_given_comes_before_a_variable_and_that_before_the_cache(nowhere, monkeypatch, tmp_path):
    cached = nowhere / "torch" / "hub" / "checkpoints"
    cached.mkdir(parents=True)
    for name in reversed(NAMES):
        (cached / name).touch()
        assert find_weights() == cached / name
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    assert find_weights() is None
    there = tmp_path / "home" / "hub" / "checkpoints"
    there.mkdir(parents=True)
    (there / NAMES[1]).touch()
    assert find_weights() == there / NAMES[1]
    monkeypatch.setenv("PBT_GAN_INCEPTION", "named.pth")
    assert str(find_weights()) == "named.pth"
    assert find_weights(tmp_path / "given.pth") == tmp_path / "given.pth"


def test_another_file_is_refused_with_the_place_of_the_right_one(tmp_path):
    (tmp_path / NAMES[0]).write_bytes(b"something else")
    with pytest.raises(
        ConfigError, match=r"its sha256 begins \w{8}, not 6726825d\. It is found at https://github\.com/"
    ):
        Inception(tmp_path / NAMES[0], "cpu")


@pytest.mark.slow
def test_it_sees_images_of_any_size_alike_in_any_batches(tmp_path, monkeypatch):
    path = tmp_path / NAMES[1]
    torch.manual_seed(0)
    torch.save({name: tensor for name, tensor in InceptionV3().state_dict().items() if tensor.ndim}, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(inception, "FILE", dataclasses.replace(inception.FILE, sha256=sha256, size=path.stat().st_size))
    network = Inception(path, "cpu")
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8))
    whole = network(images)
    assert (whole.features.shape, whole.features.dtype) == ((3, 2048), torch.float32)
    assert whole.probabilities is not None
    assert whole.probabilities.shape == (3, 1008)
    monkeypatch.setattr(inception, "_BATCH", 1)
    torch.testing.assert_close(network(images), whole, rtol=1e-4, atol=1e-6)
    card = network.card()
    assert json.loads(json.dumps(card)) == card
    assert card["sha256"] == sha256

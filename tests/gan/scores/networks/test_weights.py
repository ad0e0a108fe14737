"""A file of weights is read if it is the published one to the last byte; another is refused before it is unpickled."""

import hashlib
import os
import pickle

import pytest
import torch

from pbt_gan.errors import ConfigError
from pbt_gan.gan.scores.networks.weights import WeightsFile


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "some.pth"
    torch.save({"one": torch.arange(3.0), "two": torch.ones(2, 2)}, path)
    return path


def published(path):
    data = path.read_bytes()
    return WeightsFile("some.pth", len(data), hashlib.sha256(data).hexdigest(), "Apache-2.0", "Take it from there.")


def test_the_published_file_gives_its_tensors_in_their_order(saved):
    weights = published(saved).read(saved)
    assert list(weights) == ["one", "two"]
    torch.testing.assert_close(weights["one"], torch.tensor([0.0, 1.0, 2.0]))


def shortened(data):
    return data[:-1]


def lengthened(data):
    return data + b"\0"


def flipped(data):
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


class Planted:
    def __reduce__(self):
        return os.mkdir, ("planted",)


def planted(data):
    return pickle.dumps(Planted())


@pytest.mark.parametrize("change", [shortened, lengthened, flipped, planted])
def test_another_file_is_refused_in_one_line_and_not_unpickled(saved, change, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = published(saved)
    saved.write_bytes(change(saved.read_bytes()))
    with pytest.raises(ConfigError, match=r"is not some\.pth as it was published.* Take it from there\.$"):
        file.read(saved)
    assert not (tmp_path / "planted").exists()


def test_what_is_no_file_is_refused_and_a_pipe_is_not_waited_for(saved, tmp_path):
    file = published(saved)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing.pth", tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match=r"is no file\. Take it from there\.$"):
            file.read(path)

"""`--download` fetches what is known and missing, and says where it is."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from pbt_gan.gan.data.download import KnownData
from tests.gan.data.samples import IMAGES, idx
from tests.gan.data.serving import serving, whole

CONTENT = gzip.compress(idx(IMAGES[..., 0]))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Serve a small MNIST; yields what is asked for."""
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("pbt_gan.cli.prediction.predict", lambda config: print(config.task.model_dump()["data"]))
    with serving(**{"train-images-idx3-ubyte.gz": lambda server: whole(server, CONTENT)}) as (place, asked):
        files = {"train-images-idx3-ubyte.gz": hashlib.md5(CONTENT).hexdigest()}
        monkeypatch.setattr("pbt_gan.gan.data.download.KNOWN", {"mnist": KnownData((place,), files, 10_000)})
        yield asked


@pytest.mark.parametrize("options", [["--data", "mnist"], ["mnist"]])
def test_the_data_is_fetched_once_before_anything_is_made_of_it(pbt_gan, place, options):
    for _ in range(2):
        said = pbt_gan("train", *options, "--download", "--dry-run")
        assert said.code == 0, said
        assert said.err.startswith("mnist is in ")
    assert len(place) == 1


def test_what_is_there_already_is_taken_and_said(pbt_gan, place):
    np.savez("mnist", images=IMAGES)
    Path("mnist.npz").rename("mnist")
    assert "Nothing was fetched" in pbt_gan("train", "mnist", "--download", "--dry-run").err
    assert not place


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--data", "mnis"], "Did you mean 'mnist'?"),
        (["digits"], "'digits' is none of"),
        ([], "'digits' is none of"),
        (["quadratic"], "names no data"),
    ],
)
def test_what_is_not_known_is_not_fetched(pbt_gan, place, options, told):
    said = pbt_gan("train", *options, "--download", "--dry-run")
    assert said.code == 2
    assert told in said.err
    assert len(said.err.splitlines()) == 1


def test_nothing_is_fetched_unasked(pbt_gan, place):
    said = pbt_gan("train", "--data", "mnist", "--dry-run")
    assert (said.code, len(place)) == (2, 0)
    assert "Add --download" in said.err

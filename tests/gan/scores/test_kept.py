"""Scorers are kept from run to run, and nothing that is damaged or of other images is taken for one."""

import numpy as np
import pytest

from pbt_gan.gan.data import Dataset
from pbt_gan.gan.scores import kept

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
MINE = Dataset.of("mine", IMAGES)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "scorers"


def test_what_is_kept_is_found_again_whatever_its_data_is_called(empty_cache):
    assert kept.find(MINE, "select", "rotations") is None
    kept.keep(MINE, "select", "rotations", b"a scorer")
    assert kept.find(MINE, "select", "rotations") == b"a scorer"
    assert kept.find(Dataset.of("renamed", IMAGES), "select", "rotations") == b"a scorer"


def test_another_role_lesson_or_data_or_other_unseen_images_are_another_scorer(empty_cache):
    kept.keep(MINE, "select", "rotations", b"a scorer")
    assert kept.find(MINE, "held-out", "rotations") is None
    assert kept.find(MINE, "select", "classifier") is None
    assert kept.find(Dataset.of("mine", IMAGES[1:]), "select", "rotations") is None
    assert kept.find(Dataset.of("mine", IMAGES, unseen=(IMAGES[:9], None)), "select", "rotations") is None


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data[:40] + b"x" + data[41:], lambda data: b""])
def test_what_is_damaged_is_as_if_it_were_not_there(empty_cache, spoil):
    kept.keep(MINE, "select", "rotations", bytes(100))
    (path,) = empty_cache.iterdir()
    path.write_bytes(spoil(path.read_bytes()))
    assert kept.find(MINE, "select", "rotations") is None


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "file"))
    kept.keep(MINE, "select", "rotations", b"a scorer")
    assert kept.find(MINE, "select", "rotations") is None
    assert "made anew in each run" in caplog.text


def test_what_is_kept_stays_within_the_bound_of_the_cache(empty_cache, monkeypatch):
    kept.keep(MINE, "select", "rotations", bytes(2**20))
    monkeypatch.setenv("PBT_GAN_CACHE_GB", "0.001")
    kept.keep(MINE, "held-out", "rotations", bytes(2**19))
    assert kept.find(MINE, "select", "rotations") is None
    assert kept.find(MINE, "held-out", "rotations") == bytes(2**19)

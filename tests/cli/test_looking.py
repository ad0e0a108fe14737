"""`data` and `cache`: what is found in a place, and what is kept of it."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from pbt_gan.gan.data.cache import entries


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PBT_GAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("cats", "dogs"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / label / f"{number:02}.png")
    (tmp_path / "set" / "cats" / "99.png").write_bytes(b"torn")
    copy = (tmp_path / "set" / "cats" / "01.png").read_bytes()
    (tmp_path / "set" / "dogs" / "copy.png").write_bytes(copy)
    return tmp_path / "set"


def test_a_place_is_told_without_training(pbt_gan, place):
    said = pbt_gan("data", place, "--grid", "out/grid.png")
    assert said.code == 0
    for words in ("25 of 8×8, colour", "cats 12, dogs 13", "cats/99.png: ", "mean", "spread", "duplicates  1"):
        assert words in said.out
    assert "25 of the images, in out/grid.png" in said.err
    with Image.open("out/grid.png") as grid:
        assert grid.size == (212, 212)
    assert not os.path.exists("runs")  # noqa: PTH110


def test_the_same_as_json(pbt_gan, place):
    found = json.loads(pbt_gan("data", place, "--resolution", 16, "--fit", "pad", "--json").out)
    assert (found["images"], found["shape"], found["classes"]) == (25, [16, 16, 3], {"cats": 12, "dogs": 13})
    assert (found["found"], found["sides"], found["fitted"]) == (26, [9, 12], "padded with #ffffff, 16×16")
    assert (found["duplicates"], [name for name, _ in found["skipped"]]) == (1, ["cats/99.png"])
    assert all(0 < value < 255 for value in (*found["mean"], *found["spread"]))


def test_the_digits_are_told_too(pbt_gan):
    found = json.loads(pbt_gan("data", "digits", "--json").out)
    assert (found["images"], found["unseen"]) == (1797, None)
    assert list(found["classes"]) == list("0123456789")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--fit", "squeeze"), "task.fit = 'squeeze'"),
        (("--resolution", "33"), "task.resolution = 33: choose one of 8, 16, 28"),
        (("--background", "whitish"), "background = 'whitish' is no colour"),
        (("--max-bad", "0"), "more than 0 of 26 pictures cannot be read"),
        (("--grid", "grid.jpg"), "name a .png file"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(pbt_gan, place, plain, options, told):
    assert told in plain(pbt_gan("data", place, *options))


def test_what_is_kept_is_listed_and_removed(pbt_gan, place):
    assert "0 B of 20 GiB at most" in pbt_gan("cache").out
    for size in (8, 16, 32):
        pbt_gan("data", place, "--resolution", size)
    listed = pbt_gan("cache").out
    assert f"25 images of 16×16 from {place}" in listed
    key = entries()[0].path.name
    assert "Removed 1 of 3" in pbt_gan("cache", "--remove", key).out
    assert "Removed 0 of 2" in pbt_gan("cache", "--older-than", "1d").out
    card = entries()[0].path / "card.json"
    os.utime(card, (1, 1))
    assert "Removed 1 of 2" in pbt_gan("cache", "--older-than", "30d").out
    assert "Removed 1 of 1" in pbt_gan("cache", "--clear").out
    assert entries() == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--remove", "nobody"), "no keys begin so"),
        (("--older-than", "soon"), "--older-than soon: write a number"),
        (("--clear", "--remove", "0"), "give one"),
    ],
)
def test_what_cannot_be_removed_is_told(pbt_gan, plain, options, told):
    assert told in plain(pbt_gan("cache", *options))

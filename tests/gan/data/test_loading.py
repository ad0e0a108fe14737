"""Whatever lies at a place becomes images of one size; a second look finds them made ready."""

import os

import numpy as np
import pytest
from PIL import Image

from pbt_gan.errors import ConfigError, DataError
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.pictures.picture import decode

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def decoded(monkeypatch) -> list[bytes]:
    """Every picture that is decoded."""
    done: list[bytes] = []

    def noted(data, *arguments):
        done.append(data)
        return decode(data, *arguments)

    monkeypatch.setattr("pbt_gan.gan.data.gathering.decode", noted)
    return done


def test_a_second_look_decodes_nothing_and_finds_the_same_images(own_cache, tmp_path, pictures, decoded):
    folder = pictures(tmp_path / "set", 12, [(8, 8), (20, 10)])
    first = load_dataset(str(folder))
    assert len(decoded) == 12
    second = load_dataset(str(folder))
    assert len(decoded) == 12
    assert first.fingerprint == second.fingerprint
    assert first.account == second.account
    np.testing.assert_array_equal(first.images, second.images)


def test_a_folder_that_was_moved_is_known_again_and_one_that_was_changed_is_not(own_cache, tmp_path, pictures, decoded):
    folder = pictures(tmp_path / "set")
    before = load_dataset(str(folder))
    folder.rename(tmp_path / "moved")
    moved = load_dataset(str(tmp_path / "moved"))
    assert (moved.name, moved.fingerprint, len(decoded)) == ("moved", before.fingerprint, 12)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "moved" / "003.png")
    changed = load_dataset(str(tmp_path / "moved"))
    assert len(decoded) == 24
    assert changed.fingerprint != before.fingerprint
    pictures(tmp_path / "moved", 1, first=12)
    assert len(load_dataset(str(tmp_path / "moved")).images) == 13


def test_two_sets_of_equal_names_sizes_and_times_are_two(own_cache, tmp_path):
    for name, value in (("dark", 0), ("light", 255)):
        (tmp_path / name).mkdir()
        for number in range(12):
            path = tmp_path / name / f"{number}.bmp"
            Image.new("RGB", (8, 8), (value, number, 0)).save(path)
            os.utime(path, (1, 1))
    assert load_dataset(str(tmp_path / "dark")).images[0, 0, 0, 0] == 0
    assert load_dataset(str(tmp_path / "light")).images[0, 0, 0, 0] == 255


def test_the_resolution_that_a_run_notes_finds_what_was_made_without_one(own_cache, tmp_path, pictures, decoded):
    folder = pictures(tmp_path / "set", 12, [(40, 40), (50, 70)])
    dataset = load_dataset(str(folder))
    size = dataset.images.shape[1]
    assert load_dataset(str(folder), Fit(size)).fingerprint == dataset.fingerprint
    assert len(decoded) == 12


def test_a_bound_on_bad_pictures_holds_for_what_was_made_under_another_one(own_cache, tmp_path, pictures):
    folder = pictures(tmp_path / "set")
    (folder / "bad.png").write_bytes(b"no picture")
    dataset = load_dataset(str(folder))
    assert dataset.account is not None
    assert [each.name for each in dataset.account.skipped] == ["bad.png"]
    for _ in range(2):
        with pytest.raises(DataError, match=r"more than 0 of 13 pictures cannot be read \(bad.png: "):
            load_dataset(str(folder), Fit(most_bad=0))


@pytest.mark.parametrize(
    ("shape", "fit", "size"),
    [
        ((20, 100, 120, 3), Fit(), 64),
        ((20, 33, 33), Fit(), 32),
        ((20, 10, 10, 1), Fit(), 10),
        ((20, 10, 10, 1), Fit(8), 8),
        ((20, 8, 12, 3), Fit(16, "pad"), 16),
    ],
)
def test_arrays_are_fitted_like_pictures(own_cache, tmp_path, shape, fit, size):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", images=rng.integers(0, 256, shape, dtype=np.uint8), labels=np.arange(20) % 2)
    for _ in range(2):
        dataset = load_dataset(str(tmp_path / "mine.npz"), fit)
        assert dataset.images.shape[:3] == (20, size, size)
        assert (dataset.name, dataset.classes) == ("mine", 2)
    assert len(list(own_cache.iterdir()) if own_cache.is_dir() else []) == (shape[1:3] != (size, size))


def test_the_built_in_digits_have_other_sizes_too(own_cache):
    assert load_dataset("digits", Fit(16)).images.shape == (1797, 16, 16, 1)


def test_a_resolution_or_colour_that_there_is_not_is_told(tmp_path, pictures):
    folder = pictures(tmp_path / "set")
    with pytest.raises(ConfigError, match="resolution = 33"):
        load_dataset(str(folder), Fit(33))
    with pytest.raises(ConfigError, match="background = 'whitish'"):
        load_dataset(str(folder), Fit(background="whitish"))


def test_a_single_picture_is_refused_with_the_folder_to_give(tmp_path, pictures):
    folder = pictures(tmp_path / "set")
    with pytest.raises(DataError, match=f"one file of many; give the folder that it lies in: {folder}"):
        load_dataset(str(folder / "003.png"))

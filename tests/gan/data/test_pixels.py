import os
import warnings

import numpy as np
import pytest
import torch

from pbt_gan.errors import DataError, StorageError
from pbt_gan.gan.data.pixels import PixelsInFile, PixelsInMemory, map_of, mapped

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize("make", [lambda path: PixelsInFile(path / "images.u8"), lambda path: PixelsInMemory("images")])
def test_what_was_added_comes_back_in_order(tmp_path, make):
    pixels = make(tmp_path)
    for image in IMAGES:
        pixels.add(image)
    np.testing.assert_array_equal(pixels.array((4, 4, 3)), IMAGES)


def test_torch_wraps_a_map_without_a_warning_and_without_a_copy_and_the_file_stays_as_it_is(tmp_path):
    IMAGES.tofile(tmp_path / "images.u8")
    images = mapped(tmp_path / "images.u8", IMAGES.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wrapped = torch.from_numpy(images)
    assert wrapped.data_ptr() == images.ctypes.data
    wrapped.zero_()
    assert images.sum() == 0
    assert (tmp_path / "images.u8").read_bytes() == IMAGES.tobytes()


def test_more_than_memory_can_be_mapped(tmp_path):
    size = 48 * 2**37  # bytes; the file is empty but for its end, so it takes no place on the disk
    path = tmp_path / "images.u8"
    path.touch()
    try:
        os.truncate(path, size)
    except OSError:
        pytest.skip("this disk has no files with holes of that size")
    with path.open("r+b") as file:
        file.seek(size - 3)
        file.write(b"\1\2\3")
    images = mapped(path, (size // 48, 4, 4, 3))
    assert images[-1, -1, -1].tolist() == [1, 2, 3]
    rows = torch.from_numpy(images.reshape(len(images), -1))
    assert rows.index_select(0, torch.tensor([0, len(images) - 1]))[:, -1].tolist() == [0, 3]


@pytest.mark.parametrize("content", [b"", b"short", bytes(241)])
def test_a_file_of_another_size_is_no_map(tmp_path, content):
    (tmp_path / "images.u8").write_bytes(content)
    with pytest.raises(ValueError, match="has not the size"):
        mapped(tmp_path / "images.u8", IMAGES.shape)


def test_memory_takes_no_more_than_it_may(monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.dataset.MOST_BYTES", 100)
    pixels = PixelsInMemory("images")
    pixels.add(IMAGES[0])
    pixels.add(IMAGES[1])
    with pytest.raises(DataError, match="GiB"):
        pixels.add(IMAGES[2])


def test_a_disk_that_is_full_is_told(tmp_path, faults):
    pixels = PixelsInFile(tmp_path / "images.u8")
    faults.arm(1, OSError(28, "No space left on device"))
    with pytest.raises(StorageError, match="No space left"):
        pixels.add(IMAGES)


def test_a_map_is_known_from_its_images_however_they_were_looked_at(tmp_path):
    IMAGES.tofile(tmp_path / "images.u8")
    images = mapped(tmp_path / "images.u8", IMAGES.shape)
    content = map_of(images)
    assert content is not None
    assert map_of(np.require(images.reshape(5, -1), requirements=["C", "W"]).view()) is content
    assert map_of(images[1:]) is None
    assert map_of(IMAGES) is None

"""MNIST-style files: known by their content, with labels and tests beside them."""

import gzip
import struct

import numpy as np
import pytest

from pbt_gan.gan.data import load_dataset
from tests.gan.data.samples import IMAGES, LABELS, idx, refused


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by_folder", [False, True])
def test_idx_files_are_read_with_their_labels_plain_or_gzipped(tmp_path, packed, by_folder):
    for name, content in {
        "train-images-idx3-ubyte": idx(IMAGES[..., 0]),
        "train-labels-idx1-ubyte": idx(LABELS),
    }.items():
        (tmp_path / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    place = tmp_path if by_folder else tmp_path / ("train-images-idx3-ubyte" + ".gz" * packed)
    data = load_dataset(str(place))
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, LABELS)


def test_idx_images_without_a_labels_file_are_unlabelled(tmp_path):
    (tmp_path / "some-images-idx3-ubyte").write_bytes(idx(IMAGES[..., 0]))
    data = load_dataset(str(tmp_path / "some-images-idx3-ubyte"))
    assert (data.labels, data.classes) == (None, 0)


@pytest.mark.parametrize("images", ["digits.bin", "digits.gz", "digits.npz", "digits.tar.gz", "digits"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by_folder", [False, True])
def test_idx_files_are_known_by_what_they_begin_with_and_not_by_their_names(tmp_path, images, packed, by_folder):
    pack = gzip.compress if packed else bytes
    (tmp_path / images).write_bytes(pack(idx(IMAGES[..., 0])))
    (tmp_path / "what-they-show").write_bytes(pack(idx(LABELS)))
    (tmp_path / "of-other-images").write_bytes(pack(idx(LABELS[:-1])))
    (tmp_path / "notes.txt").write_text("no data")
    data = load_dataset(str(tmp_path if by_folder else tmp_path / images))
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, LABELS)


def test_of_several_idx_files_the_one_for_training_is_read(tmp_path):
    (tmp_path / "my-train.idx").write_bytes(idx(IMAGES[..., 0]))
    (tmp_path / "my-test.idx").write_bytes(idx(IMAGES[::-1, ..., 0]))
    np.testing.assert_array_equal(load_dataset(str(tmp_path)).images, IMAGES)
    (tmp_path / "my-train.idx").rename(tmp_path / "another.idx")
    assert "several files of images (another.idx, my-test.idx)" in refused(tmp_path)


def test_of_several_idx_files_of_labels_none_is_guessed(tmp_path):
    (tmp_path / "digits.bin").write_bytes(idx(IMAGES[..., 0]))
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(idx(LABELS))
    assert "any of one, two" in refused(tmp_path / "digits.bin")


def test_idx_files_that_lie_about_their_size_are_refused(tmp_path):
    huge = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**10, 2**10)
    (tmp_path / "a-images-idx3-ubyte").write_bytes(huge)
    assert "GiB" in refused(tmp_path / "a-images-idx3-ubyte")
    (tmp_path / "b-images-idx3-ubyte").write_bytes(idx(IMAGES[..., 0]) + b"more")
    assert "more" in refused(tmp_path / "b-images-idx3-ubyte")

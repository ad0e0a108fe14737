"""MNIST-style files: known by their content, with labels and tests beside them."""

import gzip
import struct

import numpy as np
import pytest

from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.data.arrays.idx import find_idx
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


@pytest.mark.parametrize("place", ["", "train-images-idx3-ubyte"])
@pytest.mark.parametrize("test", ["t10k", "test"])
def test_the_files_for_tests_beside_those_for_training_are_unseen(tmp_path, place, test):
    for part, images, labels in (("train", IMAGES, LABELS), (test, IMAGES[::-1], LABELS[::-1])):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images[..., 0]))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    unseen = load_dataset(str(tmp_path / place)).unseen
    assert unseen is not None
    assert unseen.labels is not None
    np.testing.assert_array_equal(unseen.images, IMAGES[::-1])
    assert unseen.labels.tolist() == LABELS[::-1].tolist()


def test_files_are_found_where_torchvision_puts_them(tmp_path):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(idx(IMAGES[..., 0]))
    assert load_dataset(str(tmp_path / "MNIST")).name == "MNIST"


@pytest.mark.parametrize(
    ("kind", "axes", "told"), [(0x0D, 3, "32-bit floats on 3 axes"), (8, 1, "unsigned bytes on 1 axes"), (8, 4, "on 4")]
)
@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_file_of_anything_but_images_is_refused_by_what_it_holds(tmp_path, kind, axes, told, packed):
    content = bytes([0, 0, kind, axes]) + struct.pack(f">{axes}I", *[40, 8, 8, 3][:axes]) + bytes(40 * 8 * 8 * 4)
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    assert told in refused(tmp_path / "a")


def test_a_folder_of_many_files_is_not_searched(tmp_path, monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.arrays.idx.MOST_NEIGHBOURS", 3)
    for name in "abcd":
        (tmp_path / name).write_bytes(idx(IMAGES[..., 0]))
    assert find_idx(tmp_path) is None


def test_an_idx_that_is_packed_without_end_is_left_where_it_has_more_than_it_announces(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(IMAGES[..., 0]) + bytes(2**26), 1))
    assert "holds more" in refused(tmp_path / "a.gz")

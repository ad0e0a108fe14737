"""Arrays in NumPy's files, by any of the usual names."""

import contextlib
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.errors import DataError
from pbt_gan.gan.data import load_dataset
from tests.gan.data.samples import (
    COUNT,
    IMAGES,
    LABELS,
    Evil,
    pictures,
    refused,
)


@pytest.mark.parametrize(("images", "labels"), [("images", "labels"), ("X", "y"), ("x_train", "Y_train")])
def test_an_npz_is_read_by_any_of_the_usual_names(tmp_path, images, labels):
    arrays: dict[str, Any] = {images: IMAGES, labels: LABELS}
    np.savez(tmp_path / "mine.npz", **arrays)
    data = load_dataset(str(tmp_path / "mine.npz"))
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, LABELS)
    assert (data.name, data.classes) == ("mine", 4)


def test_every_layout_of_one_set_of_images_gives_one_fingerprint(tmp_path):
    colour = pictures(channels=3)
    np.save(tmp_path / "nhwc.npy", colour)
    np.save(tmp_path / "nchw.npy", colour.transpose(0, 3, 1, 2))
    np.savez_compressed(tmp_path / "packed.npz", images=np.asfortranarray(colour))
    fingerprints = {load_dataset(str(path)).fingerprint for path in tmp_path.iterdir()}
    assert len(fingerprints) == 1


def test_grey_images_need_no_channel_axis(tmp_path):
    np.save(tmp_path / "grey.npy", IMAGES[..., 0])
    np.testing.assert_array_equal(load_dataset(str(tmp_path / "grey.npy")).images, IMAGES)


@pytest.mark.parametrize("name", ["mine", "mine.dat", "mine.idx.gz"])
def test_arrays_are_known_by_what_they_begin_with_too(tmp_path, name):
    for save in (lambda file: np.save(file, IMAGES), lambda file: np.savez_compressed(file, images=IMAGES)):
        with (tmp_path / name).open("wb") as file:
            save(file)
        np.testing.assert_array_equal(load_dataset(str(tmp_path / name)).images, IMAGES)


@given(st.data())
def test_a_damaged_npz_is_read_or_refused_and_nothing_else(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "data.npz"
    np.savez(path, images=IMAGES)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    with contextlib.suppress(DataError):
        load_dataset(str(path))


def test_one_array_of_any_name_is_taken_for_the_images_and_said(tmp_path):
    np.savez(tmp_path / "data.npz", faces=IMAGES)
    data = load_dataset(str(tmp_path / "data.npz"))
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.account is not None
    assert "faces" in data.account.remarks[0]


def test_an_npz_of_several_arrays_without_images_names_what_it_holds(tmp_path):
    np.savez(tmp_path / "data.npz", pixels=IMAGES, classes=LABELS)
    assert "holds pixels, classes, but" in refused(tmp_path / "data.npz")


@pytest.mark.parametrize(
    "keys",
    [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels")],
)
@pytest.mark.parametrize("texts", [False, True])
def test_a_split_for_tests_is_kept_apart_with_the_same_classes(tmp_path, keys, texts):
    names = np.array(["cat", "dog", "eel", "fox"])
    values = [IMAGES, names[LABELS] if texts else LABELS, IMAGES[::-1], names[LABELS[::-1]] if texts else LABELS[::-1]]
    arrays: dict[str, Any] = dict(zip(keys, values, strict=True))
    np.savez(tmp_path / "data.npz", **arrays)
    data = load_dataset(str(tmp_path / "data.npz"))
    assert data.labels is not None
    assert data.unseen is not None
    assert data.unseen.labels is not None
    np.testing.assert_array_equal(data.images, IMAGES)
    np.testing.assert_array_equal(data.unseen.images, IMAGES[::-1])
    assert (data.labels.tolist(), data.unseen.labels.tolist()) == (LABELS.tolist(), LABELS[::-1].tolist())
    assert data.class_names == (tuple(names) if texts else ())


def test_splits_for_tests_and_for_validation_are_joined(tmp_path):
    np.savez(tmp_path / "data.npz", X_train=IMAGES, x_val=IMAGES[:3], x_test=IMAGES[3:5])
    unseen = load_dataset(str(tmp_path / "data.npz")).unseen
    assert unseen is not None
    np.testing.assert_array_equal(unseen.images, IMAGES[[3, 4, 0, 1, 2]])
    np.savez(tmp_path / "data.npz", x_train=IMAGES, x_val=IMAGES[:3], x_test=pictures(size=9))
    assert "make them alike" in refused(tmp_path / "data.npz")


def test_splits_whose_values_mean_different_things_are_refused(tmp_path):
    np.savez(tmp_path / "data.npz", x_train=IMAGES / 127.5 - 1, x_test=IMAGES / 255)
    assert "x_test are of another kind" in refused(tmp_path / "data.npz")


def test_unseen_images_of_a_class_that_training_has_not_are_unlabelled(tmp_path):
    np.savez(tmp_path / "data.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS + 1)
    unseen = load_dataset(str(tmp_path / "data.npz")).unseen
    assert unseen is not None
    assert unseen.labels is None


@pytest.mark.parametrize("name", ["data.npy", "data.npz"])
def test_an_object_array_is_refused_unread(tmp_path, name):
    objects = np.array([Evil(tmp_path / "executed")] * COUNT)
    np.savez(tmp_path / name, images=objects) if name == "data.npz" else np.save(tmp_path / name, objects)
    assert "Python objects" in refused(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_a_bare_pickle_named_as_an_array_is_refused_unread(tmp_path):
    (tmp_path / "data.npy").write_bytes(pickle.dumps(Evil(tmp_path / "executed")))
    refused(tmp_path / "data.npy")
    assert not (tmp_path / "executed").exists()


def test_an_npz_that_unpacks_to_more_than_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.dataset.MOST_BYTES", 1_000)
    np.savez_compressed(tmp_path / "data.npz", images=np.zeros((COUNT, 8, 8), np.uint8))
    assert "GiB" in refused(tmp_path / "data.npz")

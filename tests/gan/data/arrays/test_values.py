"""What people keep in arrays becomes bytes and whole numbers, or is refused with a way to mend it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.errors import DataError
from pbt_gan.gan.data.arrays.values import labels, pixels
from tests.gan.data.samples import COUNT, IMAGES, LABELS, pictures

WHITE = "#ffffff"


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("scaled", "said"),
    [(lambda images: images / 255, "0 to 1"), (lambda images: images / 127.5 - 1, "-1 to 1"), (lambda i: i, "whole")],
)
def test_floats_of_the_usual_ranges_are_taken_for_bytes_and_said(kind, scaled, said):
    found = pixels("mine", scaled(IMAGES.astype(np.float64)).astype(kind), WHITE)
    assert found.images.dtype == np.uint8
    assert np.abs(found.images.astype(int) - IMAGES).max() <= (1 if kind == np.float16 else 0)
    assert [said in remark for remark in found.remarks] == [True]


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint16, np.int64, np.uint64])
def test_whole_numbers_of_any_type_are_taken_for_bytes_and_said(kind):
    found = pixels("mine", (IMAGES // 2).astype(kind), WHITE)
    np.testing.assert_array_equal(found.images, IMAGES // 2)
    assert "whole numbers" in found.remarks[0]


def test_true_is_white_and_false_is_black():
    found = pixels("mine", IMAGES > 100, WHITE)
    np.testing.assert_array_equal(found.images, np.where(IMAGES > 100, 255, 0))
    assert len(found.remarks) == 1


def test_bytes_stay_as_they_are_and_nothing_is_said():
    assert pixels("mine", IMAGES, WHITE).images is IMAGES
    assert pixels("mine", IMAGES, WHITE).remarks == ()


def test_a_resize_that_went_a_little_beyond_its_range_does_no_harm():
    found = pixels("mine", np.clip(IMAGES / 255, 0, 1) * 1.001 - 0.0005, WHITE)
    assert found.images.min() == 0
    assert found.images.max() == 255
    assert "0 to 1" in found.remarks[0]


@pytest.mark.parametrize("images", [pictures(channels=4), pictures(channels=4).transpose(0, 3, 1, 2)])
def test_transparent_pixels_show_the_background(images):
    found = pixels("mine", images, "#ff0080")
    plain = pictures(channels=4).astype(float)
    wanted = (plain[..., :3] * plain[..., 3:] + np.array([255, 0, 128]) * (255 - plain[..., 3:])) / 255
    assert np.abs(found.images - wanted).max() <= 0.5
    assert "#ff0080" in found.remarks[0]


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (IMAGES * 257.0, "images // 257"),
        (IMAGES.astype(np.uint16) * 257, "images // 257"),
        (IMAGES.astype(int) - 100, "from -100 to"),
        (IMAGES * 0.5, "round"),
        ((IMAGES - 120.0) / 60, "from -2 to 2.25"),
        (np.where(IMAGES > 3, np.nan, 0.5), "nan"),
        (np.where(IMAGES > 3, np.inf, 0.5), "inf"),
        (IMAGES * 1j, "complex"),
        (IMAGES.astype("M8[s]"), "not numbers"),
        (IMAGES.astype(str), "not numbers"),
        (np.array(["a", "b"]), "shape"),
        (np.uint8(3), "shape"),
        (np.zeros((COUNT, 784), np.uint8), "images.reshape(-1, 28, 28)"),
        (np.zeros((COUNT, 3072), np.uint8), "images.reshape(-1, 3, 32, 32)"),
        (np.zeros((COUNT, 8, 8, 2), np.uint8), "channels"),
        (np.zeros((COUNT, 2, 8, 8, 3), np.uint8), "shape"),
        (np.zeros((32, 32, 3), np.uint8), "One picture"),
        (np.zeros((COUNT, 0, 0), np.uint8), "sides of less"),
    ],
)
def test_what_may_mean_anything_is_refused_with_a_way_to_mend_it(images, told):
    with pytest.raises(DataError) as caught:
        pixels("mine", np.asarray(images), WHITE)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 300


KINDS = st.sampled_from(["?", "u1", "i2", "u8", "f2", "f4", "f8", "g", "c8", "S3"])
SHAPES = st.sampled_from([(12, 8, 8), (12, 8, 8, 1), (12, 3, 8, 6), (12, 8, 6, 3), (12, 4, 8, 8), (0, 8, 8), (12, 64)])


@given(
    st.binary(min_size=1, max_size=64), SHAPES, st.sampled_from(["?", "u1", "i2", "u8", "f2", "f4", "f8", "c8", "S3"])
)
def test_any_values_become_bytes_with_channels_last_or_are_refused(seed, shape, kind):
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    array = np.frombuffer((seed * (size // len(seed) + 1))[:size], kind).reshape(shape)
    try:
        images = pixels("mine", array, WHITE).images
    except DataError:
        return
    assert images.dtype == np.uint8
    assert images.ndim == 4
    assert images.shape[3] in (1, 3)
    assert len(images) == shape[0]


@pytest.mark.parametrize(
    "array",
    [
        LABELS,
        LABELS.astype(np.uint8)[:, None],
        LABELS.astype(np.float32),
        np.eye(4)[LABELS],
        np.eye(4, dtype=bool)[LABELS],
        np.eye(4, dtype=np.int64)[LABELS],
    ],
)
def test_classes_are_read_from_numbers_of_any_type_and_from_one_hot_rows(array):
    found = labels("mine", array, COUNT)
    assert found.numbers.dtype == np.int64
    assert (found.numbers.tolist(), found.names) == (LABELS.tolist(), ())


@pytest.mark.parametrize("kind", ["U", "S"])
def test_classes_that_are_texts_are_numbered_by_the_alphabet(kind):
    names = np.array(["cat", "dog", "eel", "fox"])
    found = labels("mine", names[LABELS].astype(kind), COUNT)
    assert (found.numbers.tolist(), found.names) == (LABELS.tolist(), tuple(names))


def test_a_text_that_training_has_not_becomes_a_number_of_its_own():
    found = labels("mine", np.array(["ant", "cat", "gnu"]), 3, names=("cat", "dog"))
    assert (found.numbers.tolist(), found.names) == ([2, 0, 2], ("cat", "dog"))


def unfit() -> list[Any]:
    two_hot = np.eye(4)[LABELS]
    two_hot[3] = 1
    texts = np.array([["a", "b"]] * COUNT)
    return [LABELS[:-1], LABELS / 3, np.zeros((COUNT, 2)), two_hot, texts, np.int64(3), LABELS * np.nan, LABELS * 1e30]


@pytest.mark.parametrize("array", unfit())
def test_labels_that_are_not_one_whole_number_an_image_are_refused(array):
    with pytest.raises(DataError, match="labels are"):
        labels("mine", np.asarray(array), COUNT)

"""What is odd about images is said, with how many and what to do; ordinary images are passed over in silence."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from pbt_gan.gan.data import load_dataset, oddities
from pbt_gan.gan.data.oddities import remarks


def scenes(count: int, side: int = 32, channels: int = 3) -> NDArray[np.uint8]:
    """Make smooth pictures, all different: sums of waves."""
    rng = np.random.default_rng(count)
    rows, columns = np.indices((side, side)) / side
    waves = rng.uniform(0, 4, (count, 2, channels, 1, 1))
    phase = rng.uniform(0, 6, (count, channels, 1, 1))
    values = np.sin(6 * (waves[:, 0] * rows + waves[:, 1] * columns) + phase)
    return np.moveaxis((127 + 120 * values).astype(np.uint8), 1, 3)


SCENES = scenes(200)


def test_ordinary_images_are_passed_over_in_silence():
    assert remarks(SCENES, np.arange(200) % 5) == ()
    digits = load_dataset("digits")
    assert remarks(digits.images, digits.labels) == ()


def test_images_that_nobody_scaled_are_black():
    (said,) = remarks(SCENES // 128)
    assert said.startswith("no value is above 1 of 255")
    assert "multiply them by 255" in said


def test_images_of_one_value_teach_nothing():
    (said,) = remarks(np.full_like(SCENES, 77))
    assert "the same value, 77, everywhere" in said


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 7), (3, 4)])
def test_two_values_are_named(low, high):
    binary = np.where(SCENES > 127, high, low).astype(np.uint8)
    said = " ".join(remarks(binary[..., :1]))
    assert f"only two values occur, {low} and {high}" in said


def test_dark_images_are_called_dark_by_their_brightest_values():
    assert remarks(SCENES // 8) == (
        "very dark: 99.9% of all values are at most 30 of 255; scale them, if that is not meant",
    )
    assert remarks(SCENES // 3) == ()


def test_images_of_one_colour_are_counted():
    some = SCENES.copy()
    some[:3] = (9, 50, 99)
    assert "3 of 200 images are of one colour" in " ".join(remarks(some))


def test_of_many_images_the_share_is_estimated(monkeypatch):
    monkeypatch.setattr(oddities, "MOST_LOOKED_AT", 50)
    some = SCENES.copy()
    some[::2] = 80
    assert "% of the images are of one colour" in " ".join(remarks(some))


def test_copies_are_called_out_even_where_they_were_compressed_anew():
    def again(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=75)
        return np.asarray(Image.open(file))

    greys = SCENES[..., :1]
    (said,) = remarks(np.concatenate([greys, [again(image[..., 0])[..., None] for image in greys[:40]]]))
    assert said.startswith("33% of the images have a twin")
    assert remarks(np.concatenate([greys, greys[:4]])) == ()  # a few are usual


def test_faint_images_are_no_twins():
    assert not any("twin" in said for said in remarks(SCENES // 50 + 120))


def test_grey_images_in_three_channels_are_called_grey():
    (said,) = remarks(np.repeat(SCENES[..., :1], 3, axis=3))
    assert "three equal channels" in said


def test_a_class_of_few_images_is_named():
    labels = np.repeat([0, 1, 2], [100, 91, 9])
    assert remarks(SCENES, labels, ("cats", "dogs", "o\nwls"))[0] == (
        "1 class has fewer than 10 images (o wls): add some, or merge classes"
    )
    labels = np.repeat(np.arange(41), [4] * 40 + [40])
    assert remarks(SCENES, labels)[0].startswith("40 classes have fewer than 10 images (class 0, class 1, class 2, …)")


def test_classes_of_very_different_size_are_called_so():
    labels = np.repeat([0, 1], [185, 15])
    assert remarks(SCENES, labels, ("cats", "dogs")) == (
        "classes are of very different size, from 15 (dogs) to 185 images (cats): the small ones will be learnt badly",
    )
    assert remarks(SCENES, np.repeat([0, 1], [150, 50])) == ()


@settings(max_examples=30)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
    )
)
def test_images_of_any_shape_and_content_can_be_looked_at(images):
    for said in remarks(images):
        assert said.isprintable()


@settings(max_examples=10)
@given(st.permutations(range(30)))
def test_the_order_of_images_changes_nothing(order):
    images = scenes(30, 8)
    images[:4] = images[0]
    assert remarks(images[list(order)]) == remarks(images)

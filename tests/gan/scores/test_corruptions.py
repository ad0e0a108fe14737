"""Corruptions leave images what they are in form, get worse by degrees, and are the same for equal generators."""

import numpy as np
import pytest

from pbt_gan.core.rng import stream
from pbt_gan.gan.scores.corruptions import GRADED, NOTHING, STRENGTHS, flat


def pictures(size=16, channels=3, count=12):
    """Smooth pictures, each of its own colours."""
    rng = stream(0, "pictures")
    across = np.linspace(0, 1, size)
    waves = np.sin(6 * (across[:, None] + across) + rng.uniform(0, 6, (count, 1, 1)))
    return (127 + 100 * waves[..., None] * rng.uniform(0.3, 1, (count, 1, 1, channels))).astype(np.uint8)


@pytest.mark.parametrize("size", [4, 8, 28, 48])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_and_colour_keep_their_form_and_are_not_touched(size, channels):
    images = pictures(size, channels)
    before = images.copy()
    made = [corrupt(images, strength, stream(1)) for corrupt in GRADED.values() for strength in STRENGTHS]
    made += [make(images, stream(1)) for make in NOTHING.values()]
    assert all(each.shape == images.shape and each.dtype == np.uint8 for each in made)
    assert (images == before).all()


@pytest.mark.parametrize("name", GRADED)
def test_a_greater_strength_takes_images_further_from_what_they_were(name):
    images = pictures()
    grades = [GRADED[name](images, strength, stream(1)).astype(float) for strength in STRENGTHS]
    distances = [abs(grade - images).mean() for grade in grades]
    assert distances == sorted(distances)
    assert distances[0] > 0


@pytest.mark.parametrize("name", NOTHING)
def test_equal_generators_make_equal_pictures_of_nothing_and_others_do_not(name):
    one, again, other = (NOTHING[name](pictures(), stream(seed)) for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()


def test_shuffling_keeps_the_pixels_of_every_image():
    images = pictures()
    for shuffled in (NOTHING["shuffled pixels"](images, stream(1)), GRADED["shuffled patches"](images, 1.0, stream(1))):
        for one, other in zip(images, shuffled, strict=True):
            assert sorted(map(tuple, one.reshape(-1, 3))) == sorted(map(tuple, other.reshape(-1, 3)))
            assert (one != other).any()


def test_flat_images_keep_their_mean_colour_alone():
    images = flat(pictures())
    assert (images == images[:, :1, :1]).all()
    assert abs(images.mean((1, 2)) - pictures().mean((1, 2))).max() <= 0.5

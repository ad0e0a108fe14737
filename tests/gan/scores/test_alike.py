"""Images are brought to the form of those that they are compared with, and it is said."""

import numpy as np
import pytest

from pbt_gan.gan.scores.alike import alike

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3), np.uint8)


def test_what_has_the_form_already_stays_as_it_is_without_a_word():
    images, remarks = alike(IMAGES, 12, 3)
    assert images is IMAGES
    assert remarks == ()


@pytest.mark.parametrize(("size", "channels"), [(8, 3), (16, 1), (12, 1)])
def test_size_and_colours_become_those_that_are_asked_for(size, channels):
    images, remarks = alike(IMAGES, size, channels)
    assert images.shape == (3, size, size, channels)
    assert images.dtype == np.uint8
    assert len(remarks) == (size != 12) + (channels != 3)


def test_grey_in_three_channels_is_as_grey_as_before_and_colours_become_their_luma():
    grey, _ = alike(IMAGES[..., :1], 12, 3)
    assert (grey == IMAGES[..., :1]).all()
    luma, _ = alike(IMAGES, 12, 1)
    expected = IMAGES @ [0.299, 0.587, 0.114]
    assert abs(luma[..., 0] - expected).max() <= 1


def test_even_areas_stay_even_when_they_are_resized():
    flat, remarks = alike(np.full((2, 30, 30, 1), 77, np.uint8), 8, 1)
    assert (flat == 77).all()
    assert "from 30×30 to 8×8" in remarks[0]

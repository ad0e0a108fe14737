"""The data that is built in."""

import numpy as np
import pytest

from pbt_gan.gan.data import load_dataset


@pytest.mark.slow
def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    digits, theirs = load_dataset("digits"), load_digits()
    assert digits.images.shape == (1797, 8, 8, 1)
    np.testing.assert_array_equal(digits.images[..., 0], np.rint(theirs.images * 255 / 16).astype(np.uint8))
    assert digits.labels is not None
    np.testing.assert_array_equal(digits.labels, theirs.target)
    assert (digits.name, digits.classes) == ("digits", 10)

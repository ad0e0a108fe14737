"""Images and labels in the one form that everything works with."""

import numpy as np
import pytest

from pbt_gan.gan.data import Dataset
from tests.gan.data.samples import COUNT, IMAGES, LABELS


def test_labels_are_numbered_from_zero():
    data = Dataset.of("mine", IMAGES, np.array([[7], [-1], [300], [7]] * (COUNT // 4)))
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 2, 1] * (COUNT // 4)
    assert data.classes == 3


@pytest.mark.parametrize("labels", [np.zeros(COUNT, np.int64), np.arange(COUNT)])
def test_labels_that_cannot_teach_a_classifier_count_as_none(labels):
    assert Dataset.of("mine", IMAGES, labels).labels is None


def test_the_fingerprint_tells_images_and_labels_apart():
    changed = IMAGES.copy()
    changed[5, 3, 3, 0] ^= 1
    variants = [(IMAGES, LABELS), (changed, LABELS), (IMAGES, LABELS[::-1]), (IMAGES, None), (IMAGES[:-1], LABELS[:-1])]
    assert len({Dataset.of("mine", *variant).fingerprint for variant in variants}) == len(variants)

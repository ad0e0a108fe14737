"""What a scorer is examined on is real, and it never learns from it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.scores.held_back import FEW, MOST, held_back


def dataset(count, unseen=None):
    images = np.arange(count * 16, dtype=np.uint64).astype(np.uint8).reshape(count, 4, 4, 1)
    return Dataset.of("mine", images, np.arange(count) % 2, unseen=unseen)


@given(st.integers(20, 3_000), st.integers(0, 9))
def test_an_image_is_learnt_from_or_held_back_and_never_both(count, seed):
    data = dataset(count)
    held = held_back(data, seed)
    assert len(held.seen) + len(held.unseen.images) == count
    assert len({*held.seen.tolist()}) == len(held.seen)
    assert len(held.unseen.images) == max(count // 10, min(FEW, count // 5)) <= MOST
    assert held.unseen.labels is not None
    assert len(held.unseen.labels) == len(held.unseen.images)


def test_a_split_that_the_data_brings_is_what_is_examined_on_and_all_the_rest_is_learnt_from():
    own = (np.full((60, 4, 4, 1), 7, np.uint8), np.arange(60) % 2)
    held = held_back(dataset(200, unseen=own), seed=0)
    assert len(held.seen) == 200
    assert (held.unseen.images == 7).all()
    assert held.unseen.labels is not None
    assert held.unseen.labels.sum() == 30


def test_a_split_of_too_few_images_or_without_the_labels_that_the_data_has_does_not_count():
    few, bare = (np.zeros((20, 4, 4, 1), np.uint8), np.arange(20) % 2), (np.zeros((80, 4, 4, 1), np.uint8), None)
    assert [len(held_back(dataset(200, unseen=own), 0).seen) for own in (few, bare)] == [160, 160]


def test_the_digits_are_split_as_when_their_shipped_scorers_were_trained():
    held = held_back(load_dataset("digits"), seed=1)
    assert len(held.unseen.images) == 179
    assert (held.seen == np.random.default_rng(1).permutation(1797)[179:]).all()

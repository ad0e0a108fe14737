from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.errors import ConfigError, DamageError
from pbt_gan.gan.data import Dataset
from pbt_gan.gan.data.classes import UNLABELLED, Classes, keep, kept

ANIMALS = Classes(counts=(300, 100), names=("cat", "dog"))
PLAIN = Classes(counts=(5, 5, 5))
COUNTS = st.lists(st.integers(1, 10**6), min_size=2, max_size=30)


@given(COUNTS, st.integers(0, 500), st.integers(0, 500))
def test_the_first_labels_do_not_depend_on_how_many_follow(counts, few, more):
    classes = Classes(counts=tuple(counts))
    assert classes.labels(few).shape == (few,)
    assert np.array_equal(classes.labels(few + more)[:few], classes.labels(few))


@given(COUNTS, st.integers(1, 2_000))
def test_each_class_is_asked_for_as_often_as_it_is_in_the_data(counts, count):
    found = np.bincount(Classes(counts=tuple(counts)).labels(count), minlength=len(counts))
    shares = np.array(counts) / sum(counts)
    assert (np.abs(found - count * shares) <= 0.5 + shares * len(counts) / 2 + 1e-6).all()


def test_equal_classes_take_turns():
    assert PLAIN.labels(7).tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_classes_are_those_of_the_data_and_names_count_only_if_they_tell_them_apart():
    images, labels = np.zeros((40, 8, 8, 1), np.uint8), np.array([7] * 10 + [3] * 30)
    names = [f"digit {number}\x1b[31m" for number in range(10)]
    assert Classes.of(Dataset.of("mine", images, labels, class_names=names)) == Classes(
        counts=(30, 10), names=("digit 3?[31m", "digit 7?[31m")
    )
    assert Classes.of(Dataset.of("mine", images, labels, class_names=["same"] * 10)).names == ()
    assert Classes.of(Dataset.of("mine", images, np.zeros(40, np.int64))) == UNLABELLED


def test_a_name_goes_before_a_number():
    numbers = Classes(counts=(1, 1, 1), names=("3", "1", "x"))
    assert [numbers.number(asked) for asked in ("3", "1", "x", "0", "2")] == [0, 1, 2, 0, 2]


@pytest.mark.parametrize(
    "asked", [None, 1, "dog", np.int64(1), [1, 0, 1], ("dog", "cat", "dog"), torch.tensor([1, 0, 1])]
)
def test_labels_are_asked_for_by_number_or_name_for_all_images_or_each(asked):
    found = ANIMALS.asked(asked, 3)
    assert found.dtype == np.int64
    assert found.tolist() == ([0, 0, 1] if asked is None else [1, 0, 1] if np.ndim(asked) else [1, 1, 1])


def test_a_number_that_is_no_class_is_not_taken_for_a_slip():
    with pytest.raises(ConfigError, match=r"There is no class '12'\. There are 0 … 2\."):
        PLAIN.number("12")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (2, "There is no class 2: the 2 classes of this net are 0 … 1"),
        (-1, "no class -1"),
        ([0, 5, 0], "no class 5"),
        ("dgo", "Did you mean 'dog'"),
        ("2", "There are cat, dog"),
        ("²", "There are cat, dog"),
        ([0, 1], r"shape \[2\] were given for 3 images"),
        ([[0, 1, 1]], r"shape \[1, 3\]"),
        ([[0, 1], [1]], "one for all images"),
        (0.5, "whole numbers or names, and not float64"),
        (True, "not bool"),
        ([None, 0, 1], "not object"),
    ],
)
def test_labels_that_are_none_are_refused_with_those_that_there_are(asked, said):
    with pytest.raises(ConfigError, match=said):
        ANIMALS.asked(asked, 3)


@pytest.mark.parametrize(
    ("many", "columns"), [(2, [0] * 4 + [1] * 4), (10, [*range(10)]), (11, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10])]
)
def test_columns_show_ten_classes_at_the_most_side_by_side(many, columns):
    assert Classes(counts=(1,) * many).columns().tolist() == columns


def test_what_was_kept_in_a_folder_is_found_there(tmp_path: Path):
    assert kept(tmp_path) is None
    keep(tmp_path, UNLABELLED)
    assert [*tmp_path.iterdir()] == []
    keep(tmp_path, ANIMALS)
    assert kept(tmp_path) == ANIMALS
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    keep(tmp_path, ANIMALS)
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"counts": [1, 2]}',
        b'{"counts": [1, 0], "names": []}',
        b'{"counts": [1, 2], "names": ["a"]}',
        b'{"counts": "12", "names": []}',
    ],
)
def test_a_damaged_file_of_classes_is_told(tmp_path: Path, content: bytes):
    (tmp_path / "classes.json").write_bytes(content)
    with pytest.raises(DamageError, match="is damaged"):
        kept(tmp_path)

"""A person is told in about five lines what was found, whatever it holds and whatever files are called."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.gan.data import Dataset
from pbt_gan.gan.data.account import Account, Sides, Skipped
from pbt_gan.gan.data.dataset import Unseen
from pbt_gan.gan.data.telling import lines

IMAGES = np.zeros((1800, 8, 8, 3), np.uint8)
PLAIN = Dataset.of("mine", IMAGES, np.arange(1800) % 3)


def test_arrays_that_need_no_word_get_one_line():
    assert lines(Dataset.of("digits", IMAGES[..., :1])) == ["digits: 1,800 grey images, 8×8 pixels"]


def test_a_folder_of_pictures_is_told_in_lines_of_their_own():
    account = Account(
        "folder of images",
        found=1803,
        sides=Sides(97, 4120),
        fitted="centre crop, 64×64",
        ignored={"hidden files": 12, "system folders": 1},
        skipped=(Skipped("cats/007.png", "truncated"), Skipped("b.png", "empty"), Skipped("c", "x"), Skipped("d", "y")),
        remarks=("dataset.json gives the labels", "3 pictures turned upright"),
    )
    unseen = Unseen(IMAGES[:120], None)
    dataset = replace(PLAIN, account=account, class_names=("cats", "dogs", "owls"), unseen=unseen)
    assert lines(dataset) == [
        "mine: folder of images, 1,800 colour images in 3 classes (cats, dogs, owls), 97 to 4,120 pixels",
        "fitted: centre crop, 64×64",
        "left out: 4 that cannot be read (cats/007.png: truncated; b.png: empty; c: x; …), 12 hidden files, "
        "1 system folder",
        "unseen: 120 images are never trained on; scores are checked with them",
        "note: dataset.json gives the labels",
        "note: 3 pictures turned upright",
    ]
    assert "c: x; d: y)" in lines(dataset, most_files=4)[2]


def test_pictures_of_one_size_have_one_number():
    (line,) = lines(replace(PLAIN, account=Account("zip of images", 1800, Sides(300, 300))))
    assert line == "mine: zip of images, 1,800 colour images in 3 classes, 300 pixels"


def test_many_and_long_names_of_classes_are_cut():
    names = ("a" * 50, "b", "c", "d")
    (line,) = lines(replace(PLAIN, classes=4, class_names=names))
    assert line == f"mine: 1,800 colour images in 4 classes ({'a' * 19}…, b, c, …), 8×8 pixels"


def test_of_a_long_name_the_end_is_shown():
    account = Account("folder of images", 1801, skipped=(Skipped("deep/" * 50 + "7.png", "empty"),))
    line = lines(replace(PLAIN, account=account))[1]
    assert len(line) < 110
    assert "deep/7.png: empty)" in line


@given(st.text())
def test_hostile_names_cannot_move_the_cursor(name):
    account = Account("folder of images", 1801, None, name, {name: 2}, (Skipped(name, name),), (name,))
    dataset = replace(PLAIN, name=name, class_names=(name,) * 3, account=account)
    assert all(line.isprintable() for line in lines(dataset))

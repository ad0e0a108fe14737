"""Folders of pictures are splits, chunks or classes; only names decide."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.gan.data.pictures.layout import Layout, Place, layout
from pbt_gan.gan.data.pictures.names import ENDINGS, ignored_file, ignored_folder, is_table, split, split_of_table


def files(*folders: str, count: int = 12) -> list[str]:
    """Return the names of some pictures in each of these folders; "" is the outermost."""
    return [f"{folder}/{number}.png".removeprefix("/") for folder in folders for number in range(count)]


def classes(found: Layout, part: str = "train") -> set[str | None]:
    return {place.label for place in found.places.values() if place.part == part}


def said(found: Layout) -> str:
    return "; ".join(found.remarks)


# Classes


@pytest.mark.parametrize(
    ("folders", "labels"),
    [
        (["cats", "dogs"], {"cats", "dogs"}),
        ([*"0123456789"], {*"0123456789"}),  # MNIST as folders
        (["001", "002", "102"], {"001", "002", "102"}),  # flowers
        (["n01440764", "n01443537"], {"n01440764", "n01443537"}),  # ImageNet
        (["mine/cats", "mine/dogs"], {"cats", "dogs"}),  # as a zip of a folder is
        (["a/b/c/cats", "a/b/c/dogs"], {"cats", "dogs"}),
        (["cats/images", "dogs/images"], {"cats", "dogs"}),
        (["animals/cats", "animals/dogs", "vehicles/cars"], {"animals/cats", "animals/dogs", "vehicles"}),
        (["cats", "cats/kittens", "dogs"], {"cats", "dogs"}),
        (["train", "bus", "car"], {"train", "bus", "car"}),  # vehicles
        (["cats"], {None}),
        ([""], {None}),
        (["a/b/c"], {None}),
        (["cats/00000", "cats/00001", "dogs/00000"], {"cats", "dogs"}),
        (["00000/cats", "00001/cats", "00001/dogs"], {"cats", "dogs"}),
    ],
)
def test_folders_that_hold_pictures_are_classes(folders, labels):
    found = layout(files(*folders))
    assert classes(found) == labels
    assert len(found.places) == len(files(*folders))


def test_a_stray_file_beside_class_folders_is_left_out_and_named():
    found = layout([*files("cats", "dogs"), "cover.png"])
    assert classes(found) == {"cats", "dogs"}
    assert "cover.png" not in found.places
    assert found.left_out == {"stray pictures": 1}
    assert "cover.png" in said(found)


def test_many_pictures_beside_folders_are_no_strays():
    names = [*files("more", "extra"), *files("", count=100)]
    found = layout(names)
    assert classes(found) == {None}
    assert found.places.keys() == set(names)
    assert "100 pictures lie beside extra/ and more/" in said(found)


def test_one_folder_beside_pictures_is_no_class():
    found = layout([*files("more", count=500), "cover.png"])
    assert (classes(found), len(found.places)) == ({None}, 501)


# Splits


@pytest.mark.parametrize(
    "spelling", ["train test", "Train VAL", "training validation", "train2017 val2017", "train dev"]
)
def test_a_split_is_no_class_and_what_tests_is_not_trained_on(spelling):
    train, test = spelling.split()
    found = layout(files(*(f"{part}/{kind}" for part in (train, test) for kind in ("cats", "dogs"))))
    assert classes(found) == classes(found, "unseen") == {"cats", "dogs"}
    assert found.places[f"{test}/cats/0.png"] == Place("cats", "unseen")
    assert f"the 24 unseen are those of {test}/" in said(found)


def test_splits_without_classes_have_none():
    found = layout(files("train", "test", "val"))
    assert classes(found) == classes(found, "unseen") == {None}
    assert "the 24 unseen are those of test/ and val/" in said(found)


def test_splits_below_a_folder_of_images_or_below_each_class_are_splits():
    for names in (files("images/train", "images/test"), files("train/images", "test/images")):
        assert layout(names).places[names[-1]] == Place(None, "unseen")
    found = layout(files("cats/train", "cats/test", "dogs/train", "dogs/test"))
    assert classes(found) == classes(found, "unseen") == {"cats", "dogs"}


def test_only_a_folder_for_tests_is_trained_on():
    assert classes(layout(files("test/cats", "test/dogs"))) == {"cats", "dogs"}
    found = layout(files("test", "val"))
    assert classes(found, "unseen") == set()
    assert "no train/" in said(found)


def test_a_folder_for_tests_beside_classes_or_pictures_is_a_split():
    found = layout(files("cats", "dogs", "test/cats", "test/dogs"))
    assert classes(found) == classes(found, "unseen") == {"cats", "dogs"}
    found = layout([*files("", count=100), *files("test")])
    assert classes(found) == classes(found, "unseen") == {None}
    assert sum(place.part == "unseen" for place in found.places.values()) == 12


def test_pictures_for_tests_without_labels_leave_the_classes_alone():
    found = layout([*files("train/cats", "train/dogs"), *files("test", count=100)])
    assert classes(found) == {"cats", "dogs"}
    assert classes(found, "unseen") == {None}
    assert len(found.places) == 124


def test_what_lies_beside_the_splits_is_left_out_with_a_word():
    found = layout(files("train", "test", "extra"))
    assert found.left_out == {"stray pictures": 12}
    assert "extra/ beside train/ is left out" in said(found)


# Chunks


@pytest.mark.parametrize(
    "folders", [["00000", "00001", "00002"], ["00000", "01000"], ["chunk-3", "chunk-10"], ["part_01", "part_02"]]
)
def test_chunks_are_no_classes(folders):
    found = layout(files(*folders))
    assert classes(found) == {None}
    assert "are no classes" in said(found)
    assert not layout(files(*folders), classes=False).remarks


@pytest.mark.parametrize("folders", [["1990", "1991"], ["10000", "20000"], ["00000", "cats"], ["part_1", "chunk_1"]])
def test_other_numbers_are_classes(folders):
    assert classes(layout(files(*folders))) == {*folders}


# Everything


PARTS = st.sampled_from(
    ["train", "test", "val", "cats", "dogs", "00000", "00001", "part-1", "part-2", "0", "a\nb", "\udcff"]
)
NAMES = st.sets(
    st.tuples(st.lists(PARTS, max_size=4), st.integers(0, 30)).map(lambda p: "/".join([*p[0], f"{p[1]}.png"]))
)


@given(NAMES, st.booleans())
def test_every_picture_is_taken_or_counted_and_all_to_train_on_are_labelled_or_none(names, labels):
    found = layout(names, labels)
    assert len(found.places) + sum(found.left_out.values()) == len(names)
    assert found.places.keys() <= names
    labelled = {place.label is None for place in found.places.values() if place.part == "train"}
    assert len(labelled) <= 1
    assert bool(names) == any(place.part == "train" for place in found.places.values())
    assert all(text.isprintable() for text in [*found.remarks, *filter(None, classes(found))])


@given(NAMES, st.randoms())
def test_the_order_of_names_does_not_matter(names, random):
    shuffled = list(names)
    random.shuffle(shuffled)
    assert layout(shuffled) == layout(names)


@given(NAMES.filter(bool))
def test_a_folder_around_everything_changes_nothing(names):
    def told(names: Iterable[str], around: str) -> dict[str, Place]:
        return {name.removeprefix(around): place for name, place in layout(names).places.items()}

    assert told([f"around/{name}" for name in names], "around/") == told(names, "")


# Names


@pytest.mark.parametrize("ending", ENDINGS)
def test_pictures_are_known_by_their_endings_in_any_case(ending):
    assert ignored_file(f"a{ending}") is None
    assert ignored_file(f"A{ending.upper()}") is None
    assert ignored_file(f".a{ending}") == "hidden files"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".DS_Store", "hidden files"),
        ("Thumbs.db", "system files"),
        ("desktop.ini", "system files"),
        ("notes.txt", "other files"),
        ("png", "other files"),
        ("a.png.txt", "other files"),
        ("IMG_1.HEIC", ".heic files"),
    ],
)
def test_what_is_no_picture_is_counted_by_kind(name, kind):
    assert ignored_file(name) == kind


@pytest.mark.parametrize("name", ["@eaDir", "__MACOSX", "$RECYCLE.BIN", ".ipynb_checkpoints", ".thumbnails", ".git"])
def test_folders_of_the_system_are_ignored(name):
    assert ignored_folder(name) == ("hidden folders" if name.startswith(".") else "system folders")


def test_words_that_only_begin_like_a_split_are_none():
    assert [split(name) for name in ("trains", "testament", "valley", "devil", "train_station")] == [None] * 5


def test_tables_are_told_from_what_lies_beside_them():
    assert is_table("data-00000-of-00001.arrow")
    assert not is_table("cache-1fa2.arrow")
    assert split_of_table("mine.parquet") is None
    assert split_of_table("test/data-00000-of-00001.arrow") == "unseen"

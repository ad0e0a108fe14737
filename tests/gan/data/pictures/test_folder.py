"""A folder is looked through as its owner sees it: links lead somewhere, and system files are nobody's pictures."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from pbt_gan.errors import DataError
from pbt_gan.gan.data.pictures import stylegan, walk
from pbt_gan.gan.data.pictures.collection import Collection, Item
from pbt_gan.gan.data.pictures.opening import open_collection
from pbt_gan.gan.data.pictures.stylegan import most_bytes


def put(folder: Path, count: int = 6, ending: str = ".png") -> None:
    """Make files that are called like pictures; nobody decodes them here."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number}{ending}").write_bytes(os.fsencode(f"{folder.name} {number}"))


def opened(path: Path) -> Collection:
    collection = open_collection(path)
    assert collection is not None
    return collection


def counts(path: Path) -> dict[str | None, int]:
    """Return how many pictures each class has."""
    labels = [item.label for item in opened(path).items]
    return {label: labels.count(label) for label in labels}


def test_items_are_sorted_by_name_and_read_as_they_lie_there(tmp_path):
    put(tmp_path / "cats")
    put(tmp_path / "dogs", ending=".JFIF")
    collection = opened(tmp_path)
    assert [item.name for item in collection.items] == sorted(item.name for item in collection.items)
    assert collection.read(collection.items[7]) == b"dogs 1"
    assert (collection.kind, collection.class_names) == ("folder of images", ("cats", "dogs"))
    assert (dict(collection.ignored), list(collection.remarks)) == ({}, [])


def test_a_folder_without_pictures_is_no_collection(tmp_path):
    (tmp_path / "notes.txt").touch()
    put(tmp_path / ".hidden")
    assert open_collection(tmp_path) is None
    assert open_collection(tmp_path / "notes.txt") is None


@pytest.mark.parametrize(
    ("junk", "ignored"),
    [
        (".thumbnails", {"hidden folders": 1}),
        ("cats/.ipynb_checkpoints", {"hidden folders": 1}),
        ("__MACOSX/cats", {"system folders": 1}),
        ("cats/@eaDir/0.png", {"system folders": 1}),
    ],
)
def test_folders_of_the_system_are_ignored_and_counted(tmp_path, junk, ignored):
    for name in ("cats", "dogs", junk):
        put(tmp_path / name)
    assert counts(tmp_path) == {"cats": 6, "dogs": 6}
    assert opened(tmp_path).ignored == ignored


def test_files_that_are_no_pictures_are_counted_by_kind(tmp_path):
    put(tmp_path)
    for name in (".DS_Store", "._0.png", "Thumbs.db", "labels.csv", "notes.txt", "IMG.HEIC"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.png")
    assert opened(tmp_path).ignored == {
        "hidden files": 2, "system files": 1, "other files": 2, ".heic files": 1, "special files": 1
    }  # fmt: skip


def test_pictures_of_other_kinds_alone_are_an_error_that_says_what_to_do(tmp_path):
    put(tmp_path, 3, ".HEIC")
    with pytest.raises(DataError, match=r"3 \.heic files, which are not read here"):
        open_collection(tmp_path)


def test_a_stamp_changes_with_the_content(tmp_path):
    put(tmp_path)
    before = opened(tmp_path).items
    (tmp_path / "3.png").write_text("something longer")
    assert [a == b for a, b in zip(before, opened(tmp_path).items, strict=True)] == [True] * 3 + [False] + [True] * 2


def test_a_picture_that_is_larger_than_any_is_refused_unread(tmp_path):
    with (tmp_path / "0.png").open("wb") as file:
        file.truncate(2**40)
    collection = opened(tmp_path)
    with pytest.raises(DataError, match="larger"):
        collection.read(collection.items[0])


def test_a_picture_that_has_gone_since_is_an_error_of_its_own(tmp_path):
    put(tmp_path)
    with pytest.raises(FileNotFoundError):
        opened(tmp_path).read(Item("cats/9.png", ""))


# Links


def test_linked_folders_and_files_are_read(tmp_path):
    put(tmp_path / "set/cats")
    for name in ("dogs", "files"):
        put(tmp_path / "elsewhere" / name)
    (tmp_path / "set/dogs").symlink_to(tmp_path / "elsewhere/dogs")
    for number in range(6):
        (tmp_path / f"set/cats/link-{number}.png").symlink_to(tmp_path / f"elsewhere/files/{number}.png")
    (tmp_path / "whole").symlink_to("set")
    for place in ("set", "whole"):
        assert counts(tmp_path / place) == {"cats": 12, "dogs": 6}
        assert not opened(tmp_path / place).ignored


@pytest.mark.parametrize("target", ["..", ".", "../set", "../..", "/", "cats", "../set/cats", "cats/0.png"])
def test_a_link_to_what_is_there_already_leads_nowhere_again(tmp_path, target):
    put(tmp_path / "set/cats")
    put(tmp_path / "set/dogs")
    (tmp_path / "set/a-link.png").symlink_to(target)
    assert counts(tmp_path / "set") == {"cats": 6, "dogs": 6}
    assert opened(tmp_path / "set").ignored == {"repeated links": 1}


def test_of_two_links_to_one_folder_the_first_is_read(tmp_path):
    put(tmp_path / "set/cats")
    put(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "set")
    (tmp_path / "elsewhere/round").symlink_to(tmp_path / "elsewhere")
    for name in ("birds", "dogs"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "elsewhere")
    assert counts(tmp_path / "set") == {"cats": 6, "birds": 6}
    assert opened(tmp_path / "set").ignored == {"repeated links": 3}


def test_links_that_lead_nowhere_are_counted(tmp_path):
    put(tmp_path)
    (tmp_path / "gone.png").symlink_to("nothing.png")
    (tmp_path / "round").symlink_to("round")
    assert counts(tmp_path) == {None: 6}
    assert opened(tmp_path).ignored == {"dead links": 2}


# What is odd or hostile


@pytest.mark.parametrize("name", [b"caf\xe9", b"new\nline", b"\x1b[31mred", "\u202eright".encode()])
def test_any_name_is_read_and_every_label_can_be_printed(tmp_path, name):
    for folder in (name, b"dogs"):
        put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + folder)))
    collection = opened(tmp_path)
    assert {collection.read(item) for item in collection.items} >= {b"dogs 0"}
    assert len(collection.class_names) == 2
    assert all(label.isprintable() for label in collection.class_names)


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    put(tmp_path / "cats")
    put(tmp_path / "dogs")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "dogs":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)  # root may read everything, so rights would test nothing
    assert opened(tmp_path).ignored == {"unreadable folders": 1}
    assert opened(tmp_path).remarks == ["cannot be read: dogs/"]
    with pytest.raises(PermissionError):
        open_collection(tmp_path / "dogs")


def test_more_files_than_can_be_listed_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "MOST_FILES", 20)
    put(tmp_path, 20)
    assert len(opened(tmp_path).items) == 20
    (tmp_path / "one more").touch()
    with pytest.raises(DataError, match="more than 20 files"):
        open_collection(tmp_path)


def test_folders_within_each_other_are_looked_through_to_a_bound(tmp_path):
    put(tmp_path)
    put(Path(tmp_path, *"a" * 30))
    assert len(opened(tmp_path).items) == 12
    put(Path(tmp_path, *"b" * 60))
    assert len(opened(tmp_path).items) == 12
    assert opened(tmp_path).ignored == {"deeply nested folders": 1}


# StyleGAN's layout


def described(path: Path, content: object) -> Path:
    (path / "dataset.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def chunks(path: Path) -> list[str]:
    put(path / "00000")
    put(path / "00001")
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*.png"))


def test_a_description_gives_the_labels(tmp_path):
    names = chunks(tmp_path)
    described(tmp_path, {"labels": [[name, 9 + number % 2] for number, name in enumerate(names)]})
    collection = opened(tmp_path)
    assert [item.label for item in collection.items] == ["9", "10"] * 6
    assert collection.class_names == ("9", "10")
    assert list(collection.remarks) == ["dataset.json gives the labels"]
    assert not collection.ignored


@pytest.mark.parametrize("folders", [["00000", "00001"], ["cats", "dogs"]])
def test_a_description_without_labels_says_that_there_are_none(tmp_path, folders):
    for name in folders:
        put(tmp_path / name)
    assert counts(described(tmp_path, {"labels": None})) == {None: 12}


@pytest.mark.parametrize("content", ["{", '"labels"', {"images": []}, "[" * 100_000, "{" + " " * 5 * 2**20])
def test_a_description_of_something_else_leaves_the_folders_as_they_are(tmp_path, content):
    put(tmp_path / "cats")
    put(tmp_path / "dogs")
    assert counts(described(tmp_path, content)) == {"cats": 6, "dogs": 6}
    assert "dataset.json" in " ".join(opened(tmp_path).remarks)


@pytest.mark.parametrize("label", [-1, 1.5, "cat", True, None, 2**40, {"a": 1}])
def test_a_label_that_is_no_class_is_an_error_that_shows_it(tmp_path, label):
    names = chunks(tmp_path)
    described(tmp_path, {"labels": [[name, label] for name in names]})
    with pytest.raises(DataError, match="label of"):
        open_collection(tmp_path)


@pytest.mark.parametrize("labels", ["none", {"a.png": 3}, [3], [["a.png"]], [[3, "a.png"]], 7])
def test_labels_that_are_no_pairs_are_an_error_that_says_what_they_are_to_be(tmp_path, labels):
    chunks(tmp_path)
    with pytest.raises(DataError, match="list of pairs"):
        open_collection(described(tmp_path, {"labels": labels}))


@pytest.mark.slow
def test_a_description_that_is_made_to_take_memory_takes_little():
    text = b'{"labels": [' + b"[]," * (most_bytes(20) // 3 - 10) + b"[]]}"
    assert len(text) <= most_bytes(20)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="list of pairs"):
            stylegan.described({"": text}, set())
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


def test_a_number_of_any_length_is_refused(tmp_path):
    chunks(tmp_path)
    assert counts(described(tmp_path, '{"labels": [["a.png", 1' + "0" * 10_000 + "]]}")) == {None: 12}


def test_labels_that_are_vectors_are_not_used(tmp_path):
    names = chunks(tmp_path)
    assert counts(described(tmp_path, {"labels": [[name, [0.5, 1]] for name in names]})) == {None: 12}
    assert "lists of numbers" in " ".join(opened(tmp_path).remarks)


def test_names_that_are_not_there_are_counted_and_a_few_pictures_without_a_label_left_out(tmp_path):
    names = chunks(tmp_path)
    described(tmp_path, {"labels": [[name, 0] for name in [*names[1:], "gone.png", "../outside.png"]]})
    assert counts(tmp_path) == {"0": 11}
    assert opened(tmp_path).ignored == {"unlabelled pictures": 1}
    assert "names 2 pictures that are not there" in opened(tmp_path).remarks[0]


def test_a_description_of_other_pictures_is_not_used(tmp_path):
    put(tmp_path / "cats")
    put(tmp_path / "dogs")
    described(tmp_path, {"labels": [["00000/img00000000.png", 3]]})
    assert counts(tmp_path) == {"cats": 6, "dogs": 6}
    assert "names no picture that is there" in " ".join(opened(tmp_path).remarks)


def test_labels_for_some_are_labels_for_nobody(tmp_path):
    names = chunks(tmp_path)
    described(tmp_path, {"labels": [[name, 0] for name in names[:6]]})
    assert counts(tmp_path) == {None: 12}
    assert "6 pictures have no label" in " ".join(opened(tmp_path).remarks)


def test_each_split_may_have_a_description_of_its_own(tmp_path):
    for part, label in (("train", 1), ("test", 2)):
        names = chunks(tmp_path / part)
        described(tmp_path / part, {"labels": [[name, label] for name in names]})
    assert {(item.label, item.part) for item in opened(tmp_path).items} == {("1", "train"), ("2", "unseen")}

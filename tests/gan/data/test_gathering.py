"""Pictures become images in the order of their names; what cannot be read is left out, and said."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from pbt_gan.errors import DataError, StorageError
from pbt_gan.gan.data.account import Skipped
from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.gathering import gather, refit
from pbt_gan.gan.data.pictures.collection import Item, Part
from pbt_gan.gan.data.pixels import PixelsInFile, PixelsInMemory


def png(value: int, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, 0, 0)).save(buffer, "png")
    return buffer.getvalue()


def content(count: int = 40, **how) -> dict[Item, bytes]:
    return {Item(f"{number:03}.png", "1"): png(number, **how) for number in range(count)}


def test_images_stand_in_the_order_of_the_items_whatever_is_read_first(given, monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.parallel.usable_cores", lambda: 4)
    collection = given(content())
    read = collection.read

    def slowly(item):
        time.sleep(0.01 if item.name < "016" else 0)
        return read(item)

    collection.read = slowly
    dataset = gather("mine", collection, Fit(), PixelsInMemory).dataset
    assert dataset.images[:, 0, 0, 0].tolist() == list(range(40))


def test_pictures_that_cannot_be_read_are_left_out_and_listed_up_to_a_bound(given):
    pictures = content(20)
    names = list(pictures)
    whole = png(9, (64, 64))
    pictures |= {names[3]: b"", names[7]: b"no picture", names[9]: whole[: len(whole) // 2]}
    dataset = gather("mine", given(pictures), Fit(most_bad=3), PixelsInMemory).dataset
    assert len(dataset.images) == 17
    assert dataset.account is not None
    assert [each.name for each in dataset.account.skipped] == ["003.png", "007.png", "009.png"]
    assert Skipped("003.png", "it is not there") in dataset.account.skipped
    assert (dataset.account.found, dataset.account.read) == (20, 17)
    assert 9 not in dataset.images[:, 0, 0, 0]
    with pytest.raises(DataError, match=r"(?s)more than 2 of 20 .*003.png: it is not there; 007.png.*--max-bad N"):
        gather("mine", given(pictures), Fit(most_bad=2), PixelsInMemory)


def test_where_nothing_can_be_read_the_first_reasons_are_told(given):
    with pytest.raises(
        DataError, match=r"mine holds 0 pictures that can be read, .*Left out: 000.png: it is not there"
    ):
        gather("mine", given({Item("000.png", "1"): b""}), Fit(), PixelsInMemory)


def test_images_stay_grey_if_all_are(given):
    grey = content(12, mode="L")
    assert gather("mine", given(grey), Fit(), PixelsInMemory).dataset.images.shape == (12, 8, 8, 1)
    mixed = {**grey, Item("colour.png", "1"): png(3)}
    assert gather("mine", given(mixed), Fit(), PixelsInMemory).dataset.images.shape == (13, 8, 8, 3)


def test_classes_are_numbered_as_the_collection_orders_them_and_unseen_images_likewise(given):
    parts: list[tuple[Part, int]] = [("train", 12), ("unseen", 3)]
    pictures = {
        Item(f"{part}/{label}/{number:02}.png", "1", label, part): png(number)
        for part, count in parts
        for label in ("10", "9")
        for number in range(count)
    }
    dataset = gather("mine", given(pictures, ["9", "10"]), Fit(), PixelsInMemory).dataset
    assert (dataset.classes, dataset.class_names) == (2, ("9", "10"))
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [1] * 12 + [0] * 12
    assert dataset.unseen is not None
    assert dataset.unseen.labels is not None
    assert dataset.unseen.labels.tolist() == [1] * 3 + [0] * 3
    assert dataset.unseen.images[:, 0, 0, 0].tolist() == [0, 1, 2] * 2


def test_unseen_images_of_which_some_have_no_label_have_none(given):
    pictures = {Item(f"{label}{n:02}.png", "1", label): png(n) for label in "ab" for n in range(10)}
    pictures[Item("test.png", "1", None, "unseen")] = png(1)
    dataset = gather("mine", given(pictures, ["a", "b"]), Fit(), PixelsInMemory).dataset
    assert dataset.labels is not None
    assert dataset.unseen is not None
    assert dataset.unseen.labels is None


def test_the_account_tells_what_was_found_and_what_was_made_of_it(given):
    pictures = content(12) | {Item("large.png", "1"): png(0, (20, 30))}
    account = gather("mine", given(pictures), Fit(16, "pad"), PixelsInMemory).dataset.account
    assert account is not None
    assert (account.kind, account.found, account.sides) == ("pictures in memory", 13, (8, 30))
    assert account.fitted == "padded with #ffffff, 16×16"
    assert account.ignored == {"hidden files": 2}
    assert account.remarks[:2] == ("as it was given", "12 pictures are smaller than the images made of them: enlarged")
    assert account.examined
    assert "of one colour each" in account.remarks[2]


def test_what_size_images_have_that_nobody_asked_for_is_known_whatever_was_asked_for(given):
    pictures = {Item(f"{n}.png", "1"): png(n, (40, 50)) for n in range(12)}
    assert gather("mine", given(pictures), Fit(8), PixelsInMemory).usual == 32
    assert gather("mine", given(pictures), Fit(), PixelsInMemory).dataset.images.shape[1] == 32


def test_a_disk_that_is_full_ends_the_work(given, tmp_path, faults):
    faults.arm(3, OSError(28, "No space left on device"))
    with pytest.raises(StorageError):
        gather("mine", given(content()), Fit(), lambda name: PixelsInFile(tmp_path / name))


def test_arrays_are_fitted_with_their_labels_and_unseen_images():
    images = np.random.default_rng(0).integers(0, 256, (20, 10, 14, 3), dtype=np.uint8)
    raw = Dataset.of("mine", images, np.arange(20) % 2, class_names=("a", "b"), unseen=(images[:2], np.array([1, 0])))
    dataset = refit(raw, Fit(8), PixelsInMemory).dataset
    assert dataset.images.shape == (20, 8, 8, 3)
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1] * 10
    assert (dataset.name, dataset.class_names) == ("mine", ("a", "b"))
    assert dataset.unseen is not None
    assert dataset.unseen.images.shape == (2, 8, 8, 3)
    assert dataset.unseen.labels is not None
    assert dataset.unseen.labels.tolist() == [1, 0]
    assert dataset.account is not None
    assert (dataset.account.sides, dataset.account.fitted) == ((10, 14), "centre crop, 8×8")

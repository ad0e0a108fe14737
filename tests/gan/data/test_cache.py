"""What was made ready once is found again, whole or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pbt_gan.errors import ConfigError, DataError, StorageError
from pbt_gan.gan.data import cache, load_dataset
from pbt_gan.gan.data.cache import Key, entries, find, kept
from pbt_gan.gan.data.card import CARD, digest, read_card
from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.gathering import Gathered
from pbt_gan.gan.data.pictures.collection import Item

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(40) % 2
KEY = Key("content", Fit(8))


def built(store) -> Gathered:
    pixels = {name: store(name) for name in ("images", "unseen")}
    for each in pixels.values():
        each.add(IMAGES)
    images = {name: each.array((8, 8, 3)) for name, each in pixels.items()}
    unseen = (images["unseen"], LABELS)
    return Gathered(Dataset.of("mine", images["images"], LABELS, class_names=("a", "b"), unseen=unseen), 8)


def never(store) -> Gathered:
    pytest.fail("this is there already")


def made(key: Key = KEY, build=built) -> Dataset:
    return kept(key, "mine", "/data/mine", build)


def check(dataset: Dataset) -> None:
    expected = Dataset.of("mine", IMAGES, LABELS, class_names=("a", "b"), unseen=(IMAGES, LABELS))
    assert (dataset.name, dataset.classes, dataset.class_names) == ("mine", 2, ("a", "b"))
    assert dataset.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(dataset.images, IMAGES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.unseen is not None
    np.testing.assert_array_equal(dataset.unseen.images, IMAGES)
    np.testing.assert_array_equal(dataset.unseen.labels, LABELS)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_data_set_is_made_once(own_cache):
    check(made())
    check(made(build=never))
    assert len(names(own_cache)) == 1


@pytest.mark.parametrize(
    "other", [Key("other", Fit(8)), Key("content", Fit(8, "pad")), Key("content", Fit(8, background="#000000"))]
)
def test_other_content_and_another_fit_are_another_entry(own_cache, other):
    made()
    assert find(other, "mine") is None
    assert find(Key("content", Fit(8, most_bad=0)), "mine") is not None  # what may be bad changes no image


def test_who_asks_for_no_resolution_finds_the_usual_one_whoever_made_it(own_cache):
    made()
    assert find(Key("content", Fit()), "mine") is not None
    card = next(own_cache.iterdir())
    card.rename(card.with_name(card.name.replace("-8", "-16")))
    assert find(Key("content", Fit()), "mine") is None


@pytest.mark.parametrize("name", ["images.u8", "images.i64", "unseen.u8", CARD])
@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_a_damaged_entry_is_made_anew(own_cache, name, damage):
    made()
    (entry,) = own_cache.iterdir()
    whole = bytearray((entry / name).read_bytes())
    whole[len(whole) // 2] ^= 1
    (entry / name).unlink()
    if damage != "missing":
        (entry / name).write_bytes(whole if damage == "changed" else whole[:-7])
    assert find(KEY, "mine") is None
    assert names(own_cache) == []
    check(made())
    check(made(build=never))


@pytest.mark.slow
def test_a_process_that_is_killed_anywhere_leaves_no_half_entry(own_cache, tmp_path, pictures):
    pictures(tmp_path / "set", 30)
    own_cache.mkdir(parents=True)
    code = f"""
import os, signal, sys
from pbt_gan import files
from pbt_gan.gan.data import load_dataset
calls = 0
def perform(primitive, *args):
    global calls
    calls += 1
    if calls == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return primitive(*args)
files.perform = perform
load_dataset({str(tmp_path / "set")!r})
print(calls)
"""
    done = subprocess.run([sys.executable, "-c", code, "0"], capture_output=True, text=True, check=True)
    total, expected = int(done.stdout), load_dataset(str(tmp_path / "set"))
    for at in (1, 2, total // 2, total - 3, total):  # the last renames it
        cache.remove(next(path for path in own_cache.iterdir() if not path.name.startswith(".")))
        killed = subprocess.run([sys.executable, "-c", code, str(at)], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert load_dataset(str(tmp_path / "set")).fingerprint == expected.fingerprint
    old = time.time() - 3_600
    for path in own_cache.iterdir():
        os.utime(path, (old, old))
    made()
    assert not [name for name in names(own_cache) if name.startswith(".")]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")])
def test_where_the_disk_refuses_images_are_made_in_memory_and_nothing_is_left(own_cache, faults, error, caplog):
    caplog.set_level("INFO")
    for _ in range(2):
        faults.calm()
        made()
        calls = faults.calls  # of a second time, when the folder is there
        cache.remove(next(own_cache.iterdir()))
    for at in range(1, calls + 1):
        faults.arm(at, error)
        check(made())
        assert f"decoded anew each time: {error.strerror}. The environment variable" in caplog.text
        faults.calm()
        for path in own_cache.iterdir() if own_cache.is_dir() else ():
            assert path.name.startswith("."), f"call {at}"
        assert find(KEY, "mine") is None


def test_what_is_refused_or_interrupted_leaves_nothing(own_cache):
    for error in (DataError("too few"), KeyboardInterrupt()):

        def broken(store, error=error):
            store("images").add(IMAGES)
            raise error

        with pytest.raises(type(error)):
            made(build=broken)
        assert names(own_cache) == []


def test_of_two_that_make_the_same_at_once_the_first_one_s_is_kept(own_cache):
    def meanwhile(store):
        mine = built(store)
        check(made())  # another process is faster
        return mine

    check(made(build=meanwhile))
    check(made(build=never))
    assert len(names(own_cache)) == 1


def test_drafts_are_swept_once_nobody_holds_them(own_cache):
    old = time.time() - 3_600
    (own_cache / ".dead.01234567.tmp").mkdir(parents=True)
    (own_cache / ".dead.01234567.tmp" / "images.u8").write_bytes(b"half")

    def building(store):
        (ours,) = (path for path in own_cache.iterdir() if "dead" not in path.name)
        os.utime(ours, (old, old))
        os.utime(own_cache / ".dead.01234567.tmp", (old, old))
        made(Key("another", Fit(8)))
        assert ours.is_dir()
        return built(store)

    check(made(build=building))
    assert not [name for name in names(own_cache) if name.startswith(".")]


def test_the_least_recently_used_goes_first_and_never_what_is_in_use(own_cache, monkeypatch):
    for number in range(3):
        made(Key(f"content {number}", Fit(8)))
        (entry,) = own_cache.glob(f"{Key(f'content {number}', Fit(8)).stem}-8")
        os.utime(entry / CARD, (number, number))
    assert find(Key("content 0", Fit(8)), "mine") is not None  # used just now
    size = entries()[0].size
    monkeypatch.setenv("PBT_GAN_CACHE_GB", str(2.5 * size / 2**30))
    held = made(Key("content 3", Fit(8)))
    assert [find(Key(f"content {number}", Fit(8)), "mine") is not None for number in range(4)] == [
        True, False, False, True,
    ]  # fmt: skip
    monkeypatch.setenv("PBT_GAN_CACHE_GB", "0")
    made(Key("content 4", Fit(8)))
    assert len(entries()) == 1
    check(held)  # whoever uses it keeps it


@pytest.mark.parametrize("said", ["much", "-1", "nan"])
def test_a_bound_that_is_no_number_is_told(own_cache, monkeypatch, said):
    monkeypatch.setenv("PBT_GAN_CACHE_GB", said)
    with pytest.raises(ConfigError, match="PBT_GAN_CACHE_GB"):
        made()


def test_without_a_home_images_are_made_in_memory(monkeypatch):
    monkeypatch.setenv("PBT_GAN_CACHE", "~nobody-of-this-name/cache")
    check(made())


def test_what_lies_there_is_told_the_least_recently_used_first(own_cache):
    made()
    (own_cache.parent / "scorers").mkdir()
    (own_cache.parent / "scorers" / "0123.scorer").write_bytes(b"weights")
    os.utime(own_cache.parent / "scorers" / "0123.scorer", (1, 1))
    scorer, images = entries()
    assert (cache.what(scorer.path), scorer.size, scorer.used) == ("scorer", 7, 1)
    assert cache.what(images.path) == "40 images of 8×8 from /data/mine"
    assert images.size > 2 * IMAGES.nbytes
    for each in (scorer, images):
        cache.remove(each.path)
    assert entries() == []


def test_the_key_of_a_collection_changes_with_any_picture_name_class_or_split(given):
    items = {Item(f"{number}.png", "1"): b"a" for number in range(40)}
    first, *rest = items
    last = rest[-1]
    others = [
        {key: value for key, value in items.items() if key != first},
        {**items, first: b"b"},
        *({(changed if key == last else key): value for key, value in items.items()} for changed in (
            last._replace(name="x"), last._replace(stamp="2"), last._replace(label="x"), last._replace(part="unseen"),
            last._replace(name="\udcff"),
        )),
    ]  # fmt: skip
    keys = {cache.of_collection(given(each)) for each in (items, *others)}
    assert len(keys) == len(others) + 1
    assert cache.of_collection(given(items)) == cache.of_collection(given(dict(items)))


def test_a_digest_of_a_large_file_looks_at_pieces_and_at_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.card._PIECES", 4)
    monkeypatch.setattr("pbt_gan.gan.data.card._PIECE_BYTES", 10)
    path = tmp_path / "file"
    digests = set()
    for content in (
        b"",
        b"a",
        bytes(40),
        bytes(39),
        bytes(1_000),
        bytes(1_001),
        bytes(999) + b"\1",
        b"\1" + bytes(999),
    ):
        path.write_bytes(content)
        digests.add(digest(path))
    assert len(digests) == 8
    path.write_bytes(bytes(30) + b"\1" + bytes(9))
    assert digest(path) not in digests


def test_a_card_is_sealed(own_cache):
    made()
    (entry,) = own_cache.iterdir()
    text = (entry / CARD).read_text()
    assert '"usual":8' in text
    (entry / CARD).write_text(text.replace('"usual":8', '"usual":9'))
    with pytest.raises(ValueError, match="is not what was written"):
        read_card(entry)


def test_a_refusal_of_the_disk_names_the_way_out(own_cache):
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("a file")
    check(made())
    with pytest.raises(StorageError):
        cache.remove(own_cache / "x" / "y")

"""Whatever a place holds is read, or refused in a way that helps; what is hostile costs little."""

import contextlib
import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

from pbt_gan.errors import ConfigError, DataError
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.pictures.names import ENDINGS
from pbt_gan.gan.data.pictures.picture import decode
from tests.gan.data.samples import (
    BATCHES,
    FOLDER,
    IMAGES,
    LABELS,
    cifar_archive,
    cifar_batch,
    cifar_folder,
    idx,
    npy,
    refused,
    tar,
    zipped,
)


def test_reading_data_imports_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from pbt_gan.gan.data import load_dataset; load_dataset('digits'); "
        "print({'torch', 'sklearn'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["no.npz", "no.npy", "no-idx3-ubyte", "cifar-10-python.tar.gz", "images.png"])
def test_an_empty_or_missing_file_is_refused(tmp_path, name):
    assert "does not exist" in refused(tmp_path / name)
    (tmp_path / name).touch()
    assert "empty" in refused(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["data.npz", "data.npy", "data-images-idx3-ubyte", "images-idx3-ubyte.gz", "cifar.tar.gz"]
)
def test_a_truncated_file_is_refused_wherever_it_was_cut(tmp_path, name):
    buffer = io.BytesIO()
    if name == "data.npz":
        np.savez_compressed(buffer, images=IMAGES, labels=LABELS)
    elif name == "data.npy":
        np.save(buffer, IMAGES)
    elif name == "cifar.tar.gz":
        buffer.write(cifar_archive(tmp_path, cifar_folder(tmp_path)).read_bytes())
    else:
        buffer.write(gzip.compress(idx(IMAGES[..., 0])) if name.endswith(".gz") else idx(IMAGES[..., 0]))
    whole = buffer.getvalue()
    last = 1_000 if name == "cifar.tar.gz" else 9  # nothing is read behind the last batch of an archive
    for size in (1, 10, 100, len(whole) // 2, len(whole) - last):
        (tmp_path / name).write_bytes(whole[:size])
        refused(tmp_path / name)


def cifar_of(pickled: bytes) -> dict[str, bytes]:
    return {f"{FOLDER}/{name}": pickled for name in BATCHES}


def nested_keys(depth: int) -> bytes:
    pickled = b"\x80\x02}(K\x00K\x00\x86"
    for level in range(depth):
        place = bytes([100 + level])
        pickled += b"q" + place + b"0h" + place + b"h" + place + b"\x86"
    return pickled + b"K\x01u."


def shared_labels(depth: int) -> bytes:
    pickled = b"\x80\x02}(U\x04dataNU\x06labels](K\x00K\x00e"
    for level in range(depth):
        place = bytes([level])
        pickled += b"q" + place + b"0](h" + place + b"h" + place + b"e"
    return pickled + b"u."


def huge_idx(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


HOSTILE = {
    "a long name in a tar": lambda: {"a.tar.gz": tar(("././@LongLink", tarfile.GNUTYPE_LONGNAME, bytes(120 * 2**20)))},
    "a long header in a tar": lambda: {"a.tar.gz": tar(("x", tarfile.XHDTYPE, b"20 path=a\n" * (10 * 2**20)))},
    "a large batch in a tar": lambda: {"a.tar.gz": tar((f"{FOLDER}/{BATCHES[0]}", tarfile.REGTYPE, bytes(70 * 2**20)))},
    "keys that are hashed for years": lambda: cifar_of(nested_keys(40)),
    "labels of gigabytes": lambda: cifar_of(shared_labels(30)),
    "names of classes that are hashed for years": lambda: {
        "cifar-100-python/train": b"",
        "cifar-100-python/meta": nested_keys(40),
    },
    "labels of megabytes each": lambda: {
        "a.npz": zipped(images=npy("(40, 8, 8)") + bytes(2560), labels=npy("(40,)", "|S1000000") + bytes(40 * 10**6))
    },
    "an idx of 4 GiB for tests": lambda: {
        "mnist/train-images-idx3-ubyte": idx(IMAGES[..., 0]),
        "mnist/t10k-images-idx3-ubyte": huge_idx(2**20, 64, 63),
    },
    "a set of tuples": lambda: cifar_of(b"\x80\x04\x8f(" + nested_keys(40)[4:-4] + b"\x90."),
    "a buffer of terabytes": lambda: cifar_of(b"\x80\x05\x96" + struct.pack("<Q", 2**42) + b"."),
    "many lists": lambda: cifar_of(b"\x80\x02" + b"]" * 30 * 2**20 + b"."),
    "many marks": lambda: cifar_of(b"\x80\x02" + b"(" * 30 * 2**20 + b"."),
    "a memo of gigabytes": lambda: cifar_of(b"]r\xff\xff\xff\x7f."),
    "a number of megabytes": lambda: cifar_of(b"\x80\x02\x8b" + struct.pack("<i", 2**22) + bytes(2**22) + b"."),
    "an idx of 4 GiB": lambda: {"a": huge_idx(2**20, 64, 63)},
    "an idx of 4 GiB, packed": lambda: {"a": gzip.compress(huge_idx(2**20, 64, 63))},
    "an idx with a zero": lambda: {"a": huge_idx(0, 2**32 - 1, 2**32 - 1)},
    "an idx with zeros": lambda: {"a": huge_idx(2**32 - 1, 0, 2**32 - 1)},
    "an npy of 4 GiB": lambda: {"a.npy": npy("(1048576, 64, 63)")},
    "an npy with a zero": lambda: {"a.npy": npy("(0, 9223372036854775807, 9223372036854775807)")},
    "an npy with less than nothing": lambda: {"a.npy": npy("(-1, 8, 8)") + bytes(640)},
    "an npy of nothing": lambda: {"a.npy": npy("(1000000000000,)", "<U0")},
    "an npy in brackets": lambda: {"a.npy": npy("(" * 5_000)},
    "an npz of 4 GiB": lambda: {"a.npz": zipped(images=npy("(1048576, 64, 63)"))},
    "an npz of many": lambda: {"a.npz": zipped(**{f"a{number}": b"" for number in range(40_000)})},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_takes_little_memory(tmp_path, kind):
    for name, content in HOSTILE[kind]().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (place,) = tmp_path.iterdir()
    done = subprocess.run([sys.executable, "-c", IN_LITTLE_MEMORY, str(place)], capture_output=True, text=True)
    assert done.stdout.startswith("DataError"), done.stdout + done.stderr


IN_LITTLE_MEMORY = """
import resource, sys
import numpy, PIL.Image
from pbt_gan.errors import ConfigError, DataError
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.pictures.names import ENDINGS
from pbt_gan.gan.data.pictures.picture import decode
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 100 * 2**20,) * 2)
try:
    load_dataset(sys.argv[1])
except DataError as error:
    cause = error.__cause__
    print("MemoryError" if isinstance(cause, MemoryError) else f"DataError: {error}")
"""


def sound_files() -> dict[str, bytes]:
    npz, npy_, picture = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(npz, images=IMAGES, labels=LABELS)
    np.save(npy_, IMAGES)
    Image.fromarray(IMAGES[0, ..., 0]).save(picture, "png")
    batches = [(f"{FOLDER}/{name}", tarfile.REGTYPE, cifar_batch(n, 2)) for n, name in enumerate(BATCHES)]
    return {
        "a.npz": npz.getvalue(),
        "a.npy": npy_.getvalue(),
        "a.idx": idx(IMAGES[..., 0]),
        "b.idx": gzip.compress(idx(IMAGES[..., 0])),
        "a.tar": gzip.decompress(tar(*batches)),
        "a.tar.gz": tar(*batches),
        "folder/a.png": picture.getvalue(),
        f"{FOLDER}/{BATCHES[0]}": cifar_batch(0, 2)[:100],
        "cifar-100-binary/train.bin": bytes(3074 * 10),
        "cifar-100-python/train": pickle.dumps({b"data": IMAGES, b"fine_labels": [0] * len(IMAGES)}, 3),
    }


SOUND = sound_files()


@given(st.data(), st.sampled_from(sorted(SOUND)))
def test_a_mutated_file_is_read_or_refused_and_nothing_else(tmp_path_factory, data, name):
    path = tmp_path_factory.mktemp("mutated") / name
    path.parent.mkdir(exist_ok=True)
    whole = bytearray(SOUND[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(whole), 700)))  # headers come first
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    path.write_bytes(whole[: data.draw(st.sampled_from([None, 5, 100]))])
    with contextlib.suppress(DataError):
        load_dataset(str(path.parent if "/" in name else path))


# Folders of pictures


def test_a_folder_of_images_takes_its_sub_folders_for_classes(tmp_path):
    for place, (image, label) in enumerate(zip(IMAGES[:24], "ab" * 12, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / label / f"{place:02}.png")
    data = load_dataset(str(tmp_path))
    assert data.labels is not None
    assert data.labels.tolist() == [0] * 12 + [1] * 12
    np.testing.assert_array_equal(data.images, np.concatenate([IMAGES[:24:2], IMAGES[1:24:2]]))


def test_a_folder_with_one_colour_image_becomes_colour(tmp_path):
    for place, image in enumerate(IMAGES[:12]):
        Image.fromarray(image[..., 0]).convert("RGB" if place == 3 else "L").save(tmp_path / f"{place:02}.png")
    (tmp_path / "notes.txt").write_text("no image")
    data = load_dataset(str(tmp_path))
    np.testing.assert_array_equal(data.images, np.repeat(IMAGES[:12], 3, axis=3))
    assert data.labels is None


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "holds no images" in refused(tmp_path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_other_program_is_started_for_what_is_named_like_an_image(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was started"))
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    for number in range(3):
        (tmp_path / f"{number}{ending}").write_bytes(postscript)
    assert "0 pictures that can be read" in refused(tmp_path)


# What is made ready once


@pytest.fixture
def decoded(monkeypatch) -> list[bytes]:
    """Every picture that is decoded."""
    done: list[bytes] = []

    def noted(data, *arguments):
        done.append(data)
        return decode(data, *arguments)

    monkeypatch.setattr("pbt_gan.gan.data.gathering.decode", noted)
    return done


def test_a_second_look_decodes_nothing_and_finds_the_same_images(own_cache, tmp_path, pictures, decoded):
    folder = pictures(tmp_path / "set", 12, [(8, 8), (20, 10)])
    first = load_dataset(str(folder))
    assert len(decoded) == 12
    second = load_dataset(str(folder))
    assert len(decoded) == 12
    assert first.fingerprint == second.fingerprint
    assert first.account == second.account
    np.testing.assert_array_equal(first.images, second.images)


def test_a_folder_that_was_moved_is_known_again_and_one_that_was_changed_is_not(own_cache, tmp_path, pictures, decoded):
    folder = pictures(tmp_path / "set")
    before = load_dataset(str(folder))
    folder.rename(tmp_path / "moved")
    moved = load_dataset(str(tmp_path / "moved"))
    assert (moved.name, moved.fingerprint, len(decoded)) == ("moved", before.fingerprint, 12)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "moved" / "003.png")
    changed = load_dataset(str(tmp_path / "moved"))
    assert len(decoded) == 24
    assert changed.fingerprint != before.fingerprint
    pictures(tmp_path / "moved", 1, first=12)
    assert len(load_dataset(str(tmp_path / "moved")).images) == 13


def test_two_sets_of_equal_names_sizes_and_times_are_two(own_cache, tmp_path):
    for name, value in (("dark", 0), ("light", 255)):
        (tmp_path / name).mkdir()
        for number in range(12):
            path = tmp_path / name / f"{number}.bmp"
            Image.new("RGB", (8, 8), (value, number, 0)).save(path)
            os.utime(path, (1, 1))
    assert load_dataset(str(tmp_path / "dark")).images[0, 0, 0, 0] == 0
    assert load_dataset(str(tmp_path / "light")).images[0, 0, 0, 0] == 255


def test_the_resolution_that_a_run_notes_finds_what_was_made_without_one(own_cache, tmp_path, pictures, decoded):
    folder = pictures(tmp_path / "set", 12, [(40, 40), (50, 70)])
    dataset = load_dataset(str(folder))
    size = dataset.images.shape[1]
    assert load_dataset(str(folder), Fit(size)).fingerprint == dataset.fingerprint
    assert len(decoded) == 12


def test_a_bound_on_bad_pictures_holds_for_what_was_made_under_another_one(own_cache, tmp_path, pictures):
    folder = pictures(tmp_path / "set")
    (folder / "bad.png").write_bytes(b"no picture")
    dataset = load_dataset(str(folder))
    assert dataset.account is not None
    assert [each.name for each in dataset.account.skipped] == ["bad.png"]
    for _ in range(2):
        with pytest.raises(DataError, match=r"more than 0 of 13 pictures cannot be read \(bad.png: "):
            load_dataset(str(folder), Fit(most_bad=0))


@pytest.mark.parametrize(
    ("shape", "fit", "size"),
    [
        ((20, 100, 120, 3), Fit(), 64),
        ((20, 33, 33), Fit(), 32),
        ((20, 10, 10, 1), Fit(), 10),
        ((20, 10, 10, 1), Fit(8), 8),
        ((20, 8, 12, 3), Fit(16, "pad"), 16),
    ],
)
def test_arrays_are_fitted_like_pictures(own_cache, tmp_path, shape, fit, size):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", images=rng.integers(0, 256, shape, dtype=np.uint8), labels=np.arange(20) % 2)
    for _ in range(2):
        dataset = load_dataset(str(tmp_path / "mine.npz"), fit)
        assert dataset.images.shape[:3] == (20, size, size)
        assert (dataset.name, dataset.classes) == ("mine", 2)
    assert len(list(own_cache.iterdir()) if own_cache.is_dir() else []) == (shape[1:3] != (size, size))


def test_the_built_in_digits_have_other_sizes_too(own_cache):
    assert load_dataset("digits", Fit(16)).images.shape == (1797, 16, 16, 1)


def test_a_resolution_or_colour_that_there_is_not_is_told(tmp_path, pictures):
    folder = pictures(tmp_path / "set")
    with pytest.raises(ConfigError, match="resolution = 33"):
        load_dataset(str(folder), Fit(33))
    with pytest.raises(ConfigError, match="background = 'whitish'"):
        load_dataset(str(folder), Fit(background="whitish"))


def test_a_single_picture_is_refused_with_the_folder_to_give(tmp_path, pictures):
    folder = pictures(tmp_path / "set")
    with pytest.raises(DataError, match=f"one file of many; give the folder that it lies in: {folder}"):
        load_dataset(str(folder / "003.png"))

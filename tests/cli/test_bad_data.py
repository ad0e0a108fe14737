import gzip
import io
import os
import pickle
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


class Evil:
    """A pickle of this makes a file when it is loaded."""

    def __reduce__(self):
        return (os.mkdir, ("executed",))


def batch(images: object = None) -> bytes:
    return pickle.dumps({b"data": np.zeros((4, 3072), np.uint8) if images is None else images, b"labels": [0] * 4}, 4)


def archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def idx(count: int, size: int = 8) -> bytes:
    return bytes([0, 0, 8, 3]) + np.array([count, size, size], ">u4").tobytes() + bytes(count * size * size)


def make_data(folder: Path) -> None:
    images = np.zeros((20, 8, 8, 1), np.uint8)
    np.savez(folder / "floats.npz", images=images + 1.5)
    np.savez(folder / "words.npz", images=np.array([["a"]]))
    np.savez(folder / "objects.npz", images=np.array([{}, []], object))
    np.savez(folder / "other.npz", pictures=images, others=images)
    np.savez(folder / "nothing.npz")
    np.savez(folder / "flat.npz", images=images.reshape(20, 64))
    np.savez(folder / "two-channels.npz", images=np.zeros((20, 8, 8, 2), np.uint8))
    np.savez(folder / "few.npz", images=images[:3])
    np.savez(folder / "none.npz", images=images[:0])
    np.savez(folder / "labels.npz", images=images, labels=np.arange(7))
    np.save(folder / "objects.npy", np.array([{}], object))
    np.save(folder / "floats.npy", images + 1.5)
    (folder / "cut.npz").write_bytes((folder / "floats.npz").read_bytes()[:150])
    (folder / "cut.npy").write_bytes((folder / "floats.npy").read_bytes()[:150])
    for ending in ("npz", "npy", "tar.gz", "gz", "bin"):
        (folder / f"empty.{ending}").write_bytes(b"")
        (folder / f"text.{ending}").write_text("This is no data set.\n" * 9)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(20)[:-5])
    (folder / "cut-images-idx3.gz").write_bytes(gzip.compress(idx(20))[:-9])
    (folder / "huge-images-idx3").write_bytes(bytes([0, 0, 8, 3]) + b"\xff" * 12)
    (folder / "pictures").mkdir()
    Image.fromarray(images[0, ..., 0]).save(folder / "pictures" / "a.png")
    (folder / "pictures" / "b.png").write_bytes(b"\x89PNG")
    (folder / "torn").mkdir()
    for number in range(12):
        (folder / "torn" / f"{number:02}.png").write_bytes(b"\x89PNG")
    (folder / "bare").mkdir()
    names = [f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)]
    archive(folder / "evil.tar.gz", dict.fromkeys(names, pickle.dumps({b"data": Evil()}, 4)))
    archive(folder / "short.tar.gz", dict.fromkeys(names[:3], batch()))
    archive(folder / "shapes.tar.gz", dict.fromkeys(names, batch(np.zeros((4, 7), np.uint8))))
    archive(folder / "halves.tar.gz", dict.fromkeys(names, batch(np.zeros((4, 3072)))))
    (folder / "cut.tar.gz").write_bytes((folder / "evil.tar.gz").read_bytes()[:100])
    archive(folder / "bomb.tar.gz", {names[0]: bytes(65 * 2**20)})
    (folder / "unpacked").mkdir()
    (folder / "unpacked" / "data_batch_1").write_bytes(pickle.dumps({b"data": Evil()}, 4))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_data(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing.npz", "missing.npz does not exist"),
        ("empty.npz", "is empty"),
        ("empty.npy", "is empty"),
        ("empty.tar.gz", "is empty"),
        ("empty.gz", "is empty"),
        ("empty.bin", "is empty"),
        ("text.npz", "damaged or no NumPy file"),
        ("text.npy", "damaged or no NumPy file"),
        ("text.tar.gz", "known|damaged"),
        ("text.gz", "known"),
        ("text.bin", "known"),
        ("cut.npz", "truncated"),
        ("cut.npy", "truncated"),
        ("cut.tar.gz", "known|truncated|damaged"),
        ("cut-images-idx3.gz", "truncated or damaged"),
        ("train-images-idx3-ubyte", "announces 1,280 bytes but holds 1,275"),
        ("huge-images-idx3", "more than the 4 GiB"),
        ("floats.npz", "images are float64 from 1.5 to 1.5.*Round them"),
        ("floats.npy", "images are float64"),
        ("words.npz", r"shape \[1, 1\]; expected"),
        ("objects.npz", "holds Python objects.*Save a plain array"),
        ("objects.npy", "holds Python objects"),
        ("other.npz", "holds pictures, others, but no array named images"),
        ("nothing.npz", "holds nothing"),
        ("flat.npz", r"shape \[20, 64\]; expected"),
        ("two-channels.npz", "1, 3 or 4 channels"),
        ("few.npz", "3 images.*at least 10"),
        ("none.npz", "0 images"),
        ("labels.npz", "one an image. Mend or remove them"),
        ("bare", "holds no images"),
        ("pictures", "1 pictures that can be read, but at least 10 are needed. Left out: b.png"),
        ("torn", "more than 10 of 12 pictures cannot be read.*00.png: .*--max-bad N"),
        ("pictures/a.png", "one file of many; give the folder"),
        ("evil.tar.gz", "asks for .*mkdir.*nothing was executed"),
        ("short.tar.gz", "lacks data_batch_4, a part of CIFAR-10"),
        ("shapes.tar.gz", "no file of CIFAR-10"),
        ("halves.tar.gz", "another type"),
        ("bomb.tar.gz", "larger than any file of CIFAR-10"),
        ("unpacked", "asks for .*mkdir.*nothing was executed"),
        ("unpacked/data_batch_1", "one file of many"),
    ],
)
def test_data_that_cannot_be_trained_on_is_told_and_no_run_begins(pbt_gan, contents, plain, data, name, told):
    message = plain(pbt_gan("train", "--data", data / name))
    assert re.search(told, message, re.S), message
    assert contents(Path.cwd()) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["missing.npz", "objects.npz", "evil.tar.gz", "torn"])
def test_data_for_a_preset_is_looked_at_before_a_run_begins(pbt_gan, contents, plain, data, name):
    plain(pbt_gan("train", "digits", "--data", data / name))
    plain(pbt_gan("train", "digits", "--data", data / name, "--dry-run"))
    assert contents(Path.cwd()) == {}

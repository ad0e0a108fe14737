"""CIFAR-10 and CIFAR-100 in every form, and pickles that can do nothing."""

import contextlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.errors import DataError
from pbt_gan.gan.data import load_dataset
from pbt_gan.gan.data.arrays.cifar import is_cifar_archive, is_cifar_folder
from tests.gan.data.samples import (
    BATCHES,
    FOLDER,
    IMAGES,
    Evil,
    cifar_archive,
    cifar_batch,
    cifar_folder,
    refused,
    tar,
)


def test_cifar_is_read_alike_from_its_archive_its_folder_and_the_folder_above(tmp_path):
    folder = cifar_folder(tmp_path)
    archive = cifar_archive(tmp_path, folder)
    data = [load_dataset(str(place)) for place in (folder, tmp_path, archive)]
    assert len({one.fingerprint for one in data}) == 1
    assert data[0].images.shape == (100, 32, 32, 3)
    assert data[0].classes == 4
    first = np.random.default_rng(0).integers(0, 256, 20 * 3072, dtype=np.uint8)[:3072]
    np.testing.assert_array_equal(data[0].images[0], first.reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize("protocol", [3, 4])
def test_cifar_batches_that_python_3_saved_are_read_too(tmp_path, protocol):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 3072), dtype=np.uint8)
    saved = pickle.dumps({b"data": pixels, b"labels": [0] * 20}, protocol)
    data = load_dataset(str(cifar_folder(tmp_path, data_batch_1=saved)))
    np.testing.assert_array_equal(data.images[:20], pixels.reshape(20, 3, 32, 32).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("array", [np.asfortranarray(IMAGES[:20, :, 0, 0]), np.zeros((20, 3072), np.int32)])
def test_cifar_batches_of_another_type_or_order_are_refused(tmp_path, array):
    saved = pickle.dumps({b"data": array, b"labels": [0] * 20}, protocol=3)
    assert "another type or order" in refused(cifar_folder(tmp_path, data_batch_1=saved))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_evil_pickle_in_a_cifar_batch_executes_nothing(tmp_path, protocol):
    batch = {b"data": Evil(tmp_path / "executed"), b"labels": [0] * 20}
    folder = cifar_folder(tmp_path, data_batch_3=pickle.dumps(batch, protocol))
    for place in (folder, cifar_archive(tmp_path, folder)):
        assert "nothing was executed" in refused(place)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'touch executed'\ntR.",
        b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__class__\x93.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n.",
        b"\x82\x01.",
        b"Pevil\n.",
        b"cnumpy\nndarray\n}(U\x01aK\x01ub.",
        b"}(U\x04data]U\x06labels]u.",
        b"]r\xff\xff\xff\x7f.",
        b"N.",
        b".",
        b"\x80\x02" + b"(" * 5000,
        b"(" * 3000 + b"t" * 3000 + b".",
    ],
)
def test_a_hostile_or_senseless_cifar_batch_is_refused(tmp_path, pickled, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(cifar_folder(tmp_path, data_batch_1=pickled))
    assert not Path("executed").exists()


def test_a_cifar_batch_that_was_cut_or_lost_is_refused(tmp_path):
    folder = cifar_folder(tmp_path, data_batch_2=cifar_batch(1)[:-4000])
    assert "truncated" in refused(folder)
    (folder / "data_batch_2").unlink()
    assert "lacks data_batch_2" in refused(folder)
    assert "lacks" in refused(cifar_archive(tmp_path, folder))


def test_a_cifar_archive_cannot_point_outside_of_itself(tmp_path):
    (tmp_path / "secret").write_bytes(cifar_batch(0))
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
        for name in BATCHES:
            link = tarfile.TarInfo(f"{FOLDER}/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "../../secret"
            tar.addfile(link)
    refused(tmp_path / "cifar-10-python.tar.gz")


def test_an_archive_that_unpacks_without_end_is_left_at_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("pbt_gan.gan.data.arrays.cifar.MOST_ARCHIVE_BYTES", 10_000)
    (tmp_path / "a.tar.gz").write_bytes(tar((f"{FOLDER}/readme.html", tarfile.REGTYPE, bytes(20_000))))
    assert "unpacks to more" in refused(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("before", [("readme", 2**21), ("pictures/a.png", 100)])
def test_an_archive_of_something_else_is_none_of_cifar_and_soon_known_for_that(tmp_path, monkeypatch, before):
    monkeypatch.setattr("pbt_gan.gan.data.arrays.cifar.MOST_ARCHIVE_BYTES", 0)
    (tmp_path / "a.tar.gz").write_bytes(tar((before[0], tarfile.REGTYPE, bytes(before[1]))))
    assert not is_cifar_archive(tmp_path / "a.tar.gz")


NAMES = ("cat", "dog", "eel", "fox")


def rows(count: int, label_bytes: int, seed: int = 0) -> bytes:
    """Return a file of the binary version; coarse labels, where there are any, are 9."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)
    marks = np.full((count, label_bytes), 9, np.uint8)
    marks[:, -1] = np.arange(count) % 4
    return np.hstack([marks, pixels]).tobytes()


def pickled(count: int, key: str, seed: int = 0) -> bytes:
    """Return the same, as the version for Python has it."""
    row = np.frombuffer(rows(count, 1, seed), np.uint8).reshape(count, -1)
    entries = {key: row[:, 0].tolist(), "coarse_labels": [9] * count, "filenames": ["a.png"] * count}
    return pickle.dumps({**entries, "data": np.ascontiguousarray(row[:, 1:])}, protocol=3)


CIFAR_100 = {
    "cifar-100-python": {
        "train": pickled(100, "fine_labels"),
        "test": pickled(20, "fine_labels", seed=1),
        "meta": pickle.dumps({"fine_label_names": [*NAMES], "coarse_label_names": ["all"]}, protocol=2),
    },
    "cifar-100-binary": {
        "train.bin": rows(100, 2),
        "test.bin": rows(20, 2, seed=1),
        "fine_label_names.txt": "\n".join([*NAMES, ""]).encode(),
    },
}
CIFAR_10 = {
    "cifar-10-batches-py": {
        **{name: pickled(20, "labels", seed) for seed, name in enumerate(BATCHES)},
        "test_batch": pickled(20, "labels", seed=9),
        "batches.meta": pickle.dumps({b"label_names": [name.encode() for name in NAMES]}, protocol=3),
    },
    "cifar-10-batches-bin": {
        **{f"{name}.bin": rows(20, 1, seed) for seed, name in enumerate(BATCHES)},
        "test_batch.bin": rows(20, 1, seed=9),
        "batches.meta.txt": "\n".join([*NAMES, "", ""]).encode(),
    },
}


@pytest.mark.parametrize("versions", [CIFAR_10, CIFAR_100])
def test_both_versions_hold_the_same_images_tests_and_names_packed_or_not(tmp_path, versions):
    found, tests = [], []
    for folder, files in versions.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_bytes(content)
        packed = [(f"{folder}/{name}", tarfile.REGTYPE, content) for name, content in sorted(files.items())]
        (tmp_path / f"{folder}.tgz").write_bytes(tar((folder, tarfile.DIRTYPE, b""), *packed))
        found += [load_dataset(str(tmp_path / place)) for place in (folder, f"{folder}.tgz")]
    for data in found:
        assert data.labels is not None
        assert data.unseen is not None
        assert data.unseen.labels is not None
        assert data.account is not None
        assert (data.images.shape, data.labels.tolist()) == ((100, 32, 32, 3), [*range(4)] * 25)
        assert (data.unseen.images.shape, data.unseen.labels.tolist()) == ((20, 32, 32, 3), [*range(4)] * 5)
        tests.append(data.unseen.images)
        assert data.class_names == NAMES
        assert data.account.kind.startswith(data.name.upper())
        assert (data.name == "cifar-100") == ("100 fine ones" in "".join(data.account.remarks))
    assert len({data.fingerprint for data in found}) == 1
    assert len({images.tobytes() for images in tests}) == 1


def test_a_folder_that_holds_two_data_sets_is_refused(tmp_path):
    for folder in ("cifar-10-batches-py", "cifar-100-python"):
        (tmp_path / folder).mkdir()
    assert "cifar-10-batches-py and cifar-100-python" in refused(tmp_path)


def test_a_file_called_train_alone_makes_no_cifar_100(tmp_path):
    (tmp_path / "train").write_bytes(b"anything")
    assert not is_cifar_folder(tmp_path)


@pytest.mark.parametrize(
    "meta",
    [
        pickle.dumps({"label_names": [["cat"]]}, protocol=2),
        pickle.dumps({"label_names": ["x" * 1_000]}, protocol=2),
        pickle.dumps({"label_names": ["red\x1b[31m"]}, protocol=2),
        pickle.dumps({"label_names": ["cat"] * 2_000}, protocol=2),
        pickle.dumps({"names": ["cat"]}, protocol=2),
        pickle.dumps(["label_names"], protocol=2),
        b"",
        b"\x80\x02" + b"]" * 100 + b".",
    ],
)
def test_names_of_classes_that_are_no_names_are_refused(tmp_path, meta):
    folder = cifar_folder(tmp_path)
    (folder / "batches.meta").write_bytes(meta)
    assert "batches.meta" in refused(folder)


def test_names_of_fewer_classes_than_there_are_name_none(tmp_path):
    folder = cifar_folder(tmp_path)
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["cat"]}, protocol=2))
    assert load_dataset(str(folder)).class_names == ()


def test_an_evil_pickle_for_the_names_executes_nothing(tmp_path):
    folder = cifar_folder(tmp_path)
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": Evil(tmp_path / "executed")}, protocol=2))
    assert "nothing was executed" in refused(folder)
    assert not (tmp_path / "executed").exists()


def test_a_binary_batch_that_ends_within_an_image_is_refused(tmp_path):
    (tmp_path / "cifar-100-binary").mkdir()
    (tmp_path / "cifar-100-binary" / "train.bin").write_bytes(rows(100, 2)[:-1])
    assert "train.bin is truncated" in refused(tmp_path)


@given(st.binary(max_size=200))
def test_any_bytes_as_a_cifar_batch_are_refused(tmp_path_factory, pickled):
    folder = cifar_folder(tmp_path_factory.mktemp("any"), data_batch_1=b"\x80\x02" + pickled)
    with contextlib.suppress(DataError):
        load_dataset(str(folder))

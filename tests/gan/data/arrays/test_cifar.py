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
    (tmp_path / "a.tar.gz").write_bytes(tar(("readme", tarfile.REGTYPE, bytes(20_000))))
    assert "unpacks to more" in refused(tmp_path / "a.tar.gz")


@given(st.binary(max_size=200))
def test_any_bytes_as_a_cifar_batch_are_refused(tmp_path_factory, pickled):
    folder = cifar_folder(tmp_path_factory.mktemp("any"), data_batch_1=b"\x80\x02" + pickled)
    with contextlib.suppress(DataError):
        load_dataset(str(folder))

"""CIFAR-10 as its authors publish it: `cifar-10-python.tar.gz`, or the folder that it unpacks to.

The batches are pickles, and a pickle may run any code. This reader lets a pickle build plain values and mere
descriptions of NumPy arrays; everything else that it asks for is refused, and nothing is executed.
"""

import gzip
import io
import pickle
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.dataset import Dataset

FOLDER = "cifar-10-batches-py"
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
MOST_BATCH_BYTES = 64 * 2**20
"""Twice the size of a real batch."""

_PIXELS = 3 * 32 * 32


def is_cifar_folder(path: Path) -> bool:
    """Whether a folder holds the five training batches, or the folder that does."""
    return (path / BATCHES[0]).is_file() or (path / FOLDER).is_dir()


def read_cifar_folder(path: Path) -> Dataset:
    """Read the training images; the test batch is left alone."""
    folder = path if (path / BATCHES[0]).is_file() else path / FOLDER

    def batches() -> Iterator[tuple[str, bytes]]:
        for name in BATCHES:
            if not (folder / name).is_file():
                raise DataError(f"{folder} lacks {name}; unpack cifar-10-python.tar.gz anew, or give that file itself.")
            with (folder / name).open("rb") as file:
                yield str(folder / name), file.read(MOST_BATCH_BYTES + 1)

    return _dataset(batches())


def read_cifar_archive(path: Path) -> Dataset:
    """Read the training images straight from the archive; nothing is unpacked to the disk."""

    def batches() -> Iterator[tuple[str, bytes]]:
        try:
            with tarfile.open(path, "r:gz") as archive:
                for name in BATCHES:
                    file = archive.extractfile(f"{FOLDER}/{name}")
                    if file is None:
                        raise DataError(f"{path}: {name} is no plain file; fetch cifar-10-python.tar.gz again.")
                    yield f"{path}/{name}", file.read(MOST_BATCH_BYTES + 1)
        except KeyError as error:
            raise DataError(
                f"{path} lacks {FOLDER}/{name}; of archives, only cifar-10-python.tar.gz is read. Unpack others first."
            ) from error
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path} is truncated, damaged or no .tar.gz ({error}); fetch it again.") from error

    return _dataset(batches())


def _dataset(batches: Iterator[tuple[str, bytes]]) -> Dataset:
    parts = [_batch(name, data) for name, data in batches]
    pixels = np.concatenate([images for images, _ in parts]).reshape(-1, 3, 32, 32)
    return Dataset.of("cifar-10", pixels, np.concatenate([labels for _, labels in parts]))


def _batch(name: str, data: bytes) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    if not data or len(data) > MOST_BATCH_BYTES:
        raise DataError(f"{name} is {'larger than any CIFAR-10 batch' if data else 'empty'}; fetch CIFAR-10 again.")
    try:
        batch = _Unpickler(io.BytesIO(data), encoding="bytes").load()
        images, labels = batch[b"data"].array().reshape(-1, _PIXELS), np.asarray(batch[b"labels"], np.int64)
    except DataError as error:
        raise DataError(f"{name} {error}") from error
    except Exception as error:  # a damaged or hostile pickle can make the unpickler raise anything
        raise DataError(f"{name} is truncated, damaged or no CIFAR-10 batch; fetch CIFAR-10 again.") from error
    if labels.shape != (len(images),):
        raise DataError(f"{name} has {len(images)} images but {labels.size} labels; fetch CIFAR-10 again.")
    return images, labels


class _Type:
    """What a pickle says of a `numpy.dtype`."""

    def __init__(self, code: bytes | str, *_: object) -> None:
        self.code = code if isinstance(code, str) else code.decode()

    def __setstate__(self, state: object) -> None:
        """Byte order and the like; a byte has none."""


class _Array:
    """What a pickle says of a `numpy.ndarray`."""

    type: _Type
    columns_first: bool
    data: bytes

    def __init__(self, *_: object) -> None:
        """The arguments of NumPy's `_reconstruct` are placeholders; the content follows as state."""

    def __setstate__(self, state: tuple[int, object, _Type, bool, bytes]) -> None:
        _, _, self.type, self.columns_first, self.data = state

    def array(self) -> NDArray[np.uint8]:
        if self.type.code != "u1" or self.columns_first or not isinstance(self.data, bytes):
            raise DataError("holds an array of another type or order than CIFAR-10's uint8 rows; fetch CIFAR-10 again.")
        return np.frombuffer(self.data, np.uint8)


_ADMITTED: Mapping[tuple[str, str], type] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


# The unpickler in Python: the one in C lets a few bytes of a pickle claim gigabytes for its memo.
class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> type:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise DataError(
                f"is a pickle that asks for {f'{module}.{name}'[:80]!r}. Only NumPy arrays are admitted; "
                f"nothing was executed. Fetch CIFAR-10 from a place that you trust."
            ) from None

"""NumPy's files: an array in an `.npy`, or images and labels in an `.npz`."""

import math
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.bounded import read_up_to
from pbt_gan.gan.data.dataset import Dataset, check_size

IMAGE_KEYS = ("images", "x", "x_train", "arr_0")
LABEL_KEYS = ("labels", "y", "y_train", "arr_1")
MOST_DIRECTORY_BYTES = 2**20
"""Of an archive's list of content, which is read as a whole: ten thousand arrays with names as usual."""

_ZIP, _NPY = b"PK\x03\x04", b"\x93NUMPY"
_LIST, _LARGE_LIST = b"PK\x05\x06", b"PK\x06\x07"  # how the end of an archive begins; what only huge archives have


def is_npz(path: Path) -> bool:
    """Whether a file begins as an archive does, whatever it is called."""
    return _begins(path, _ZIP)


def is_npy(path: Path) -> bool:
    """Whether a file begins as NumPy's arrays do, whatever it is called."""
    return _begins(path, _NPY)


def read_npy(path: Path) -> Dataset:
    """Read images without labels."""
    with _errors_told(path), path.open("rb") as file:
        images = _array(path, file)
    return Dataset.of(path.stem, images)


def read_npz(path: Path) -> Dataset:
    """Read the first array of `IMAGE_KEYS`, and the first of `LABEL_KEYS` if there is one."""
    with _errors_told(path):
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            arrays = [name.removesuffix(".npy") for name in archive.namelist()]
            images = _member(path, archive, _first(IMAGE_KEYS, arrays))
            labels = _member(path, archive, _first(LABEL_KEYS, arrays))
    if images is None:
        raise DataError(
            f"{path} holds {', '.join(arrays[:8]) or 'nothing'}, but no array named {', '.join(IMAGE_KEYS)}. "
            f"Save it with numpy.savez({path.name!r}, images=..., labels=...)."
        )
    return Dataset.of(path.stem, images, labels)


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _check_directory(path: Path) -> None:
    """Refuse an archive whose list of content would take much memory: `zipfile` reads it before anything else."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 2**16 - 22, 0))  # the last entry, with the longest comment
        end = file.read()
    place = end.rfind(_LIST)
    if place < 0 or len(end) < place + 22:
        raise ValueError("it has no list of content")
    if (
        end[max(place - 20, 0) :].startswith(_LARGE_LIST)
        or struct.unpack_from("<L", end, place + 12)[0] > MOST_DIRECTORY_BYTES
    ):
        raise ValueError("it lists more than any archive of images and labels")


def _first(keys: Sequence[str], arrays: Sequence[str]) -> str | None:
    return next((key for key in keys if key in arrays), None)


def _member(path: Path, archive: zipfile.ZipFile, name: str | None) -> NDArray[Any] | None:
    if name is None:
        return None
    with archive.open(f"{name}.npy") as file:
        return _array(path, file)


def _array(path: Path, file: IO[bytes]) -> NDArray[Any]:
    """Read an array of which nothing is believed: what its header announces need not be there."""
    version = np.lib.format.read_magic(file)
    reads = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in reads:
        raise ValueError(f"its version is {version[0]}.{version[1]}")
    shape, columns_first, kind = reads[version](file)
    if kind.hasobject:
        raise DataError(
            f"{path} holds Python objects in place of numbers; they could run code, so they are not read. "
            f"Save a plain array: numpy.asarray(images, dtype=numpy.uint8)."
        )
    if any(length < 0 for length in shape):
        raise ValueError("it has a negative length")
    size = math.prod(shape) * kind.itemsize
    check_size(str(path), size)
    data = read_up_to(file, size)
    if len(data) < size:
        raise ValueError(f"{len(data):,} of {size:,} bytes are there")
    return np.ndarray(shape, kind, data, order="F" if columns_first else "C")


@contextmanager
def _errors_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataError, OSError):
        raise
    except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds on a damaged file
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise DataError(
            f"{path} is truncated, damaged or no NumPy file ({reason}). Save it again with numpy.savez or numpy.save."
        ) from error

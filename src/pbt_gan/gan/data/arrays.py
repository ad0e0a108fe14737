"""NumPy's files: an array in an `.npy`, or images and labels in an `.npz`."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.dataset import Dataset, check_size

IMAGE_KEYS = ("images", "x", "x_train", "arr_0")
LABEL_KEYS = ("labels", "y", "y_train", "arr_1")


def read_npy(path: Path) -> Dataset:
    """Read images without labels."""
    check_size(str(path), path.stat().st_size)
    with _errors_told(path), path.open("rb") as file:
        images = np.lib.format.read_array(file, allow_pickle=False)
    return Dataset.of(path.stem, images)


def read_npz(path: Path) -> Dataset:
    """Read the first array of `IMAGE_KEYS`, and the first of `LABEL_KEYS` if there is one."""
    with _errors_told(path), zipfile.ZipFile(path) as archive:
        check_size(str(path), sum(member.file_size for member in archive.infolist()))
        arrays = [name.removesuffix(".npy") for name in archive.namelist()]
        images = _array(archive, _first(IMAGE_KEYS, arrays))
        labels = _array(archive, _first(LABEL_KEYS, arrays))
    if images is None:
        raise DataError(
            f"{path} holds {', '.join(arrays[:8]) or 'nothing'}, but no array named {', '.join(IMAGE_KEYS)}. "
            f"Save it with numpy.savez({path.name!r}, images=..., labels=...)."
        )
    return Dataset.of(path.stem, images, labels)


def _first(keys: Sequence[str], arrays: Sequence[str]) -> str | None:
    return next((key for key in keys if key in arrays), None)


def _array(archive: zipfile.ZipFile, name: str | None) -> NDArray[Any] | None:
    if name is None:
        return None
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


@contextmanager
def _errors_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataError, OSError):
        raise
    except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds on a damaged file
        if "object array" in str(error).lower():
            raise DataError(
                f"{path} holds Python objects in place of numbers; they could run code, so they are not read. "
                f"Save a plain array: numpy.asarray(images, dtype=numpy.uint8)."
            ) from error
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise DataError(
            f"{path} is truncated, damaged or no NumPy file ({reason}). Save it again with numpy.savez or numpy.save."
        ) from error

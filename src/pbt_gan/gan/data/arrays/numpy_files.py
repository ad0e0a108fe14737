"""NumPy's files: an array in an `.npy`, or images and labels in an `.npz`."""

import math
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError, printable
from pbt_gan.gan.data.account import Account
from pbt_gan.gan.data.arrays.values import Labels, labels, pixels
from pbt_gan.gan.data.bounded import read_up_to
from pbt_gan.gan.data.dataset import Dataset, check_size


class Keys(NamedTuple):
    """What the arrays of a split may be called; the first that is there counts, in capitals or not."""

    images: Sequence[str]
    labels: Sequence[str]


TRAIN = Keys(
    ("images", "x", "x_train", "train_images", "train_x", "data", "arr_0"),
    ("labels", "y", "y_train", "train_labels", "train_y", "targets", "arr_1"),
)
UNSEEN = tuple(
    Keys((f"x_{split}", f"{split}_images", f"{split}_x"), (f"y_{split}", f"{split}_labels", f"{split}_y"))
    for split in ("test", "val")
)
MOST_DIRECTORY_BYTES = 2**20
"""Of an archive's list of content, which is read as a whole: ten thousand arrays with names as usual."""

_ZIP, _NPY = b"PK\x03\x04", b"\x93NUMPY"
_LIST, _LARGE_LIST = b"PK\x05\x06", b"PK\x06\x07"  # how the end of an archive begins; what only huge archives have


def is_npz(path: Path) -> bool:
    """Whether a file begins as an archive does and its first member is an array, whatever they are called."""
    if not _begins(path, _ZIP):
        return False
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            return any(_is_array(name) for name in archive.namelist()[:1])
    except Exception:  # zipfile raises a dozen kinds on a damaged file
        return False


def is_npy(path: Path) -> bool:
    """Whether a file begins as NumPy's arrays do, whatever it is called."""
    return _begins(path, _NPY)


def read_npy(path: Path, background: str) -> Dataset:
    """Read images without labels; see `values.pixels`."""
    with _errors_told(path), path.open("rb") as file:
        images = pixels(path.stem, _array(path, file), background)
    return Dataset.of(
        path.stem, images.images, account=Account("NumPy array", len(images.images), remarks=images.remarks)
    )


def read_npz(path: Path, background: str) -> Dataset:
    """Read the images and labels of `TRAIN`, and those of `UNSEEN` if they are there; see `values.pixels`."""
    with _errors_told(path):
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            return _dataset(path, archive, background)


def _dataset(path: Path, archive: zipfile.ZipFile, background: str) -> Dataset:
    names = [name for name in archive.namelist() if _is_array(name)]
    remarks: tuple[str, ...] = ()
    image_key = _first(TRAIN.images, names)
    if image_key is None and len(names) == 1:
        image_key = names[0]
        remarks = (f"the one array in it, {_plain(image_key)}, is taken for the images",)
    if image_key is None:
        held = ", ".join(map(_plain, names[:8])) or "nothing"
        raise DataError(
            f"{path} holds {held}, but no array named {', '.join(TRAIN.images)}. "
            f"Save it with numpy.savez({path.name!r}, images=..., labels=...)."
        )
    images = pixels(path.stem, _member(path, archive, image_key), background)
    classes = _labels(path, archive, _first(TRAIN.labels, names), len(images.images), ())
    unseen = [
        found
        for keys in UNSEEN
        if (key := _first(keys.images, names)) is not None
        and (found := _unseen(path, archive, key, _first(keys.labels, names), background, images.remarks, classes))
    ]
    remarks = (*remarks, *images.remarks)
    return Dataset.of(
        path.stem,
        images.images,
        None if classes is None else classes.numbers,
        class_names=() if classes is None else tuple(map(printable, classes.names)),
        unseen=_joined(path, unseen),
        account=Account("NumPy archive", len(images.images), remarks=remarks),
    )


class _Split(NamedTuple):
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None


def _unseen(
    path: Path,
    archive: zipfile.ZipFile,
    key: str,
    label_key: str | None,
    background: str,
    remarks: tuple[str, ...],
    classes: Labels | None,
) -> _Split | None:
    """Return a split for tests, brought to bytes as the training images were; None: it is empty."""
    images, said = pixels(f"{path.stem}, {_plain(key)}", _member(path, archive, key), background)
    if not len(images):
        return None
    if said != remarks:
        raise DataError(
            f"{path}: values of {_plain(key)} are of another kind than those for training; save them alike."
        )
    found = _labels(path, archive, label_key, len(images), () if classes is None else classes.names)
    return _Split(images, None if found is None else found.numbers)


def _joined(path: Path, splits: Sequence[_Split]) -> _Split | None:
    if not splits:
        return None
    shapes = {split.images.shape[1:] for split in splits}
    if len(shapes) > 1:
        raise DataError(f"{path}: images of its splits have the shapes {sorted(shapes)}; make them alike.")
    classes = [split.labels for split in splits if split.labels is not None]
    return _Split(
        np.concatenate([split.images for split in splits]),
        np.concatenate(classes) if len(classes) == len(splits) else None,
    )


def _labels(path: Path, archive: zipfile.ZipFile, key: str | None, count: int, known: tuple[str, ...]) -> Labels | None:
    return None if key is None else labels(path.stem, _member(path, archive, key), count, known)


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _is_array(member: str) -> bool:
    return member.endswith(".npy")


def _plain(member: str) -> str:
    return printable(member.removesuffix(".npy"))[:40]


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


def _first(keys: Sequence[str], members: Sequence[str]) -> str | None:
    """Return the member that is meant by the first of these keys that there is."""
    by_key = {member.removesuffix(".npy").lower(): member for member in reversed(members)}
    return next((by_key[key] for key in keys if key in by_key), None)


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as file:
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

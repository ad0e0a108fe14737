"""MNIST's own file format, idx: images in one file and labels in a second, plain or gzipped, known by their content."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.bounded import read_up_to, unpacked
from pbt_gan.gan.data.dataset import Dataset, check_size

_IMAGES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
_IMAGE_AXES, _LABEL_AXES = 3, 1


def is_idx(path: Path, axes: int = _IMAGE_AXES) -> bool:
    """Whether a file begins as one of images (3 axes) or labels (1 axis) does, whatever it is called."""
    try:
        with unpacked(path) as file:
            return file.read(4) == _magic(axes)
    except (DataError, OSError):
        return False


def find_idx(folder: Path, others: tuple[str, ...] = ()) -> Path | None:
    """Return the file of the training images in a folder; None where there is none.

    Args:
        folder: where to look.
        others: endings of files that are not looked into.

    Raises:
        DataError: several files might be it.
    """
    for name in _IMAGES:
        for place in (folder / name, folder / f"{name}.gz"):
            if place.is_file():
                return place
    found = [path for path in _neighbours(folder) if path.suffix.lower() not in others and is_idx(path)]
    train = [path for path in found if "train" in path.name.lower()]
    if len(found) > 1 and len(train) != 1:
        names = ", ".join(path.name for path in found[:4])
        raise DataError(f"{folder} holds several files of images ({names}); give the one that is to be trained on.")
    return next(iter(train or found), None)


def read_idx(path: Path) -> Dataset:
    """Read an images file, and the labels file beside it if there is one.

    `…images…idx3…` and `…labels…idx1…` belong together, with any ending; where names do not tell, the one file of as
    many labels does.
    """
    images = _array(path, _IMAGE_AXES)
    labels = _labels_beside(path, len(images))
    name = path.parent.resolve().name if path.name.startswith(_IMAGES) else path.name
    return Dataset.of(name, images, None if labels is None else _array(labels, _LABEL_AXES))


def _labels_beside(path: Path, count: int) -> Path | None:
    plain = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    for place in (path.with_name(plain), path.with_name(f"{plain}.gz")):
        if place.name != path.name and place.is_file():
            return place
    # 64: what gzip adds to labels that it cannot pack, and a name in its header. Larger files need no look.
    small = (file for file in _neighbours(path.parent) if file.stat().st_size <= 8 + count + count // 64 + 64)
    found = [file for file in small if is_idx(file, _LABEL_AXES) and _shape(file, _LABEL_AXES) == (count,)]
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:4])
        raise DataError(f"{path} may have its labels in any of {names}; leave only the right one beside it.")
    return next(iter(found), None)


def _neighbours(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and path.is_file())


def _shape(path: Path, axes: int) -> tuple[int, ...]:
    with unpacked(path) as file:
        head = file.read(4 + 4 * axes)
    if len(head) < 4 + 4 * axes or head[:4] != _magic(axes):
        raise DataError(
            f"{path} is no idx file of {'images' if axes == _IMAGE_AXES else 'labels'} (unsigned bytes, {axes} axes). "
            f"Give an .npz, .npy, idx or CIFAR-10 file, or a folder of images."
        )
    return tuple(int(length) for length in np.frombuffer(head, ">u4", offset=4))


def _array(path: Path, axes: int) -> NDArray[np.uint8]:
    shape = _shape(path, axes)
    if 0 in shape:  # beside a zero the other lengths may be anything, also more than an array can have
        raise DataError(f"{path} holds nothing: its lengths are {' x '.join(map(str, shape))}. Fetch it again.")
    size = math.prod(shape)
    check_size(str(path), size)
    with unpacked(path) as file:
        file.read(4 + 4 * axes)
        data = read_up_to(file, size + 1)
    if len(data) != size:
        more = "more" if len(data) > size else f"{len(data):,}"
        raise DataError(
            f"{path} announces {size:,} bytes but holds {more}; it is truncated or damaged, fetch it again."
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _magic(axes: int) -> bytes:
    return bytes([0, 0, 8, axes])  # 8: unsigned bytes

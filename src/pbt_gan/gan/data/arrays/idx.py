"""MNIST's own file format, idx: images in one file and labels in a second, plain or gzipped, known by their content."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.account import Account
from pbt_gan.gan.data.bounded import read_up_to, unpacked
from pbt_gan.gan.data.dataset import Dataset, check_size

MOST_NEIGHBOURS = 64
"""Files of a folder that are looked into. One with more holds pictures, or what has nothing to do with images."""

_IMAGES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
_RAW = "raw"  # where torchvision puts them, below its folder for the data set
_TESTS = ("t10k", "test")  # what stands in a name in place of "train"
_IMAGE_AXES, _LABEL_AXES = 3, 1
_MOST_AXES = 4
_BYTES = 0x08
_TYPES = {
    _BYTES: "unsigned bytes",
    0x09: "signed bytes",
    0x0B: "16-bit whole numbers",
    0x0C: "32-bit whole numbers",
    0x0D: "32-bit floats",
    0x0E: "64-bit floats",
}


def is_idx(path: Path) -> bool:
    """Whether a file begins as an idx file does, of any type and number of axes, whatever it is called."""
    return _begin(path) is not None


def find_idx(folder: Path) -> Path | None:
    """Return the file of the training images in a folder, or in `raw` below it; None where there is none.

    Raises:
        DataError: several files might be it.
    """
    for place in (folder, folder / _RAW):
        for name in _IMAGES:
            if (found := _plain_or_packed(place / name)) is not None:
                return found
    images = [path for path in _neighbours(folder) if _begin(path) == (_BYTES, _IMAGE_AXES)]
    train = [path for path in images if "train" in path.name.lower()]
    if len(images) > 1 and len(train) != 1:
        names = ", ".join(path.name for path in images[:4])
        raise DataError(f"{folder} holds several files of images ({names}); give the one that is to be trained on.")
    return next(iter(train or images), None)


def read_idx(path: Path) -> Dataset:
    """Read an images file, with the labels file beside it if there is one, and the files for tests beside them.

    `…images…idx3…` and `…labels…idx1…` belong together, with any ending; where names do not tell, the one file of as
    many labels does. `t10k` or `test` in place of `train` names the files for tests.

    Raises:
        DataError: one of them is damaged, or they do not belong together.
    """
    images, labels = _pair(path)
    test = _test_beside(path)
    return Dataset.of(
        _name(path),
        images,
        labels,
        unseen=None if test is None else _pair(test),
        account=Account("MNIST-style idx files", len(images)),
    )


def _pair(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    images = _array(path, _IMAGE_AXES)[..., None]
    labels = _labels_beside(path, len(images))
    return images, None if labels is None else _array(labels, _LABEL_AXES)


def _name(path: Path) -> str:
    if not path.name.startswith(_IMAGES):
        return path.name
    folder = path.parent.resolve()
    return folder.parent.name if folder.name == _RAW else folder.name


def _test_beside(path: Path) -> Path | None:
    if "train" not in path.name:
        return None
    found = (_plain_or_packed(path.with_name(path.name.replace("train", test))) for test in _TESTS)
    return next((each for each in found if each is not None), None)


def _labels_beside(path: Path, count: int) -> Path | None:
    named = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    if named.name != path.name and (found := _plain_or_packed(named)) is not None:
        return found
    # 64: what gzip adds to labels that it cannot pack, and a name in its header. Larger files need no look.
    small = (file for file in _neighbours(path.parent) if file.stat().st_size <= 8 + count + count // 64 + 64)
    labels = [file for file in small if _begin(file) == (_BYTES, _LABEL_AXES)]
    fitting = [file for file in labels if _shape(file, _LABEL_AXES) == (count,)]
    if len(fitting) > 1:
        names = ", ".join(file.name for file in fitting[:4])
        raise DataError(f"{path} may have its labels in any of {names}; leave only the right one beside it.")
    return next(iter(fitting), None)


def _plain_or_packed(path: Path) -> Path | None:
    """Return the file of that name, or the same packed or unpacked; None: there is neither."""
    plain = path.with_name(path.name.removesuffix(".gz"))
    return next((place for place in (path, plain, plain.with_name(f"{plain.name}.gz")) if place.is_file()), None)


def _neighbours(folder: Path) -> Iterator[Path]:
    files = []
    for path in folder.iterdir():
        if not path.name.startswith(".") and path.is_file():
            files.append(path)
        if len(files) > MOST_NEIGHBOURS:
            return iter(())
    return iter(sorted(files))


def _begin(path: Path) -> tuple[int, int] | None:
    """Return type and number of axes; None: this is no idx file, or cannot be read."""
    try:
        with unpacked(path) as file:
            head = file.read(4)
    except (DataError, OSError):
        return None
    known = len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= _MOST_AXES
    return (head[2], head[3]) if known else None


def _shape(path: Path, axes: int) -> tuple[int, ...]:
    with unpacked(path) as file:
        head = file.read(4 + 4 * axes)
    if head[:4] != bytes([0, 0, _BYTES, axes]):
        what = "images (3 axes)" if axes == _IMAGE_AXES else "labels (1 axis)"
        raise DataError(
            f"{path} holds {_TYPES.get(head[2], 'numbers of no known type')} on {head[3]} axes, where unsigned bytes "
            f"of {what} are needed. Give the right file, or save the images in an .npz."
        )
    if len(head) < 4 + 4 * axes:
        raise DataError(f"{path} is truncated within its header; fetch it again.")
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

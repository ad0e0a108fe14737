"""MNIST's own file format, idx: images in one file and labels in a second, plain or gzipped."""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.dataset import Dataset, check_size

_IMAGES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")


def find_idx(folder: Path) -> Path | None:
    """Return the file of the training images in a folder; None where there is none."""
    places = (folder / (name + ending) for name in _IMAGES for ending in ("", ".gz"))
    return next((place for place in places if place.is_file()), None)


def read_idx(path: Path) -> Dataset:
    """Read an images file, and the labels file beside it if there is one.

    `…images…idx3…` and `…labels…idx1…` belong together; either may be gzipped.
    """
    plain = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    beside = (path.with_name(plain + ending) for ending in ("", ".gz"))
    labels = next((place for place in beside if place != path and place.is_file()), None)
    name = path.parent.resolve().name if path.name.startswith(_IMAGES) else path.name
    return Dataset.of(name, _array(path, axes=3), None if labels is None else _array(labels, axes=1))


def _array(path: Path, axes: int) -> NDArray[np.uint8]:
    try:
        with _open(path) as file:
            head = file.read(4 + 4 * axes)
            if len(head) < 4 + 4 * axes or head[:4] != bytes([0, 0, 8, axes]):  # 8: unsigned bytes
                raise DataError(
                    f"{path} is no idx file of {'images' if axes == 3 else 'labels'} (unsigned bytes, {axes} axes). "
                    f"Give an .npz, .npy, idx or CIFAR-10 file, or a folder of images."
                )
            shape = tuple(int(length) for length in np.frombuffer(head, ">u4", offset=4))
            size = math.prod(shape)
            check_size(str(path), size)
            data = file.read(size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is truncated or damaged ({error}); fetch it again.") from error
    if len(data) != size:
        more = "more" if len(data) > size else f"{len(data):,}"
        raise DataError(
            f"{path} announces {size:,} bytes but holds {more}; it is truncated or damaged, fetch it again."
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _open(path: Path) -> IO[bytes]:
    return cast(IO[Any], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")

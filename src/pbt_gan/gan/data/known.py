"""Files and folders in which images lie as arrays: known by what they begin with, whatever they are called."""

from pathlib import Path

from pbt_gan.gan.data.arrays.cifar import is_cifar_archive, is_cifar_folder, read_cifar_archive, read_cifar_folder
from pbt_gan.gan.data.arrays.idx import find_idx, is_idx, read_idx
from pbt_gan.gan.data.arrays.numpy_files import is_npy, is_npz, read_npy, read_npz
from pbt_gan.gan.data.dataset import Dataset


def read_known(path: Path, background: str) -> Dataset | None:
    """Read what lies there as arrays; None: it is nothing of the kind.

    Args:
        path: a folder, or a file that is not empty.
        background: the colour behind transparent pixels, such as "#ffffff".

    Raises:
        DataError: it is damaged, or holds something else than images.
        OSError: it cannot be read.
    """
    return _in_folder(path) if path.is_dir() else _in_file(path, background)


def _in_folder(path: Path) -> Dataset | None:
    if is_cifar_folder(path):
        return read_cifar_folder(path)
    idx = find_idx(path)
    return None if idx is None else read_idx(idx)


def _in_file(path: Path, background: str) -> Dataset | None:
    ending = path.suffix.lower()
    if is_idx(path):
        return read_idx(path)
    if is_npz(path) or ending == ".npz":
        return read_npz(path, background)
    if is_npy(path) or ending == ".npy":
        return read_npy(path, background)
    return read_cifar_archive(path) if is_cifar_archive(path) else None

"""Images that lie as arrays: known by what a file begins with; a name counts where that says nothing."""

from pathlib import Path

from pbt_gan.gan.data.arrays import is_npy, is_npz, read_npy, read_npz
from pbt_gan.gan.data.cifar import is_cifar_folder, read_cifar_archive, read_cifar_folder
from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.gan.data.idx import find_idx, is_idx, read_idx
from pbt_gan.gan.data.pictures.names import ENDINGS


def read_known(path: Path) -> Dataset | None:
    """Read what lies there as arrays; None: it is nothing of the kind.

    Args:
        path: a folder, or a file that is not empty.

    Raises:
        DataError: it is damaged, or holds something else than images.
        OSError: it cannot be read.
    """
    return _in_folder(path) if path.is_dir() else _in_file(path)


def _in_folder(path: Path) -> Dataset | None:
    if is_cifar_folder(path):
        return read_cifar_folder(path)
    idx = find_idx(path, others=ENDINGS)
    return None if idx is None else read_idx(idx)


def _in_file(path: Path) -> Dataset | None:
    name = path.name.lower()
    if is_idx(path):
        return read_idx(path)
    if is_npz(path) or name.endswith(".npz"):
        return read_npz(path)
    if is_npy(path) or name.endswith(".npy"):
        return read_npy(path)
    if name.endswith((".tar.gz", ".tgz")):
        return read_cifar_archive(path)
    return None

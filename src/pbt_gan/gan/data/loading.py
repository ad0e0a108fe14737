"""Look at what `--data` names, and read it."""

from pathlib import Path

from pbt_gan.errors import DataError
from pbt_gan.gan.data.arrays import is_npy, is_npz, read_npy, read_npz
from pbt_gan.gan.data.cifar import is_cifar_folder, read_cifar_archive, read_cifar_folder
from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.gan.data.digits import read_digits
from pbt_gan.gan.data.folder import read_pictures
from pbt_gan.gan.data.idx import find_idx, is_idx, read_idx
from pbt_gan.gan.data.pictures.names import ENDINGS
from pbt_gan.gan.data.pictures.opening import open_collection
from pbt_gan.places import expanded


def load_dataset(place: str) -> Dataset:
    """Read a data set as a whole. Files are known by what they begin with; a name counts where that says nothing.

    Args:
        place: "digits", which is built in, or a path: an `.npz` or `.npy`, an MNIST-style idx file or the folder of the
            training ones, `cifar-10-python.tar.gz` or its folder, a folder of images.

    Raises:
        DataError: it is not there, cannot be read, or holds something else than images.
    """
    if place == "digits":
        return read_digits()
    path = expanded(place)
    try:
        return _read_folder(path) if path.is_dir() else _read_file(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the path and its rights.") from error


def _read_folder(path: Path) -> Dataset:
    if is_cifar_folder(path):
        return read_cifar_folder(path)
    idx = find_idx(path, others=ENDINGS)
    if idx is not None:
        return read_idx(idx)
    collection = open_collection(path)
    if collection is None:
        raise DataError(
            f"{path} holds no images ({', '.join(ENDINGS[:5])}, …) and none of the files that are known: "
            f"train-images-idx3-ubyte[.gz], data_batch_1 … 5. Give a folder with images, or a file."
        )
    return read_pictures(path, collection)


def _read_file(path: Path) -> Dataset:
    if not path.exists():
        raise DataError(f"{path} does not exist. Give 'digits', which is built in, or the path of a file or folder.")
    if not path.is_file() or path.stat().st_size == 0:
        raise DataError(f"{path} is {'empty' if path.is_file() else 'no file'}; give a file or folder with images.")
    name = path.name.lower()
    if is_idx(path):
        return read_idx(path)
    if is_npz(path) or name.endswith(".npz"):
        return read_npz(path)
    if is_npy(path) or name.endswith(".npy"):
        return read_npy(path)
    if name.endswith((".tar.gz", ".tgz")):
        return read_cifar_archive(path)
    if name.endswith(ENDINGS) or name.startswith("data_batch_"):
        raise DataError(f"{path} is one file of many; give the folder that it lies in: {path.parent}.")
    return read_idx(path)  # says what it is not

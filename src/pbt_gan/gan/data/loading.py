"""Look at what `--data` names, and read it."""

from pathlib import Path

from pbt_gan.errors import DataError
from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.gan.data.digits import read_digits
from pbt_gan.gan.data.download import KNOWN, downloaded
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.folder import read_pictures
from pbt_gan.gan.data.known import read_known
from pbt_gan.gan.data.pictures.names import ENDINGS
from pbt_gan.gan.data.pictures.opening import open_collection
from pbt_gan.places import expanded

_USUAL = Fit()


def load_dataset(place: str, fit: Fit = _USUAL) -> Dataset:
    """Read a data set as a whole. Files are known by what they begin with; a name counts where that says nothing.

    Args:
        place: "digits", which is built in; the name of a data set that was fetched, such as "mnist"; or a path: an
            `.npz` or `.npy`, an MNIST-style idx file or the folder of the training ones, an archive of CIFAR-10 or
            CIFAR-100 or the folder that it unpacks to, a folder of images.
        fit: how they become images of one size.

    Raises:
        DataError: it is not there, cannot be read, or holds something else than images.
    """
    if place == "digits":
        return read_digits()
    path = expanded(place)
    if place in KNOWN and not path.exists():
        path = downloaded(place)
    try:
        dataset = _read(path, fit)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the path and its rights.") from error
    height, width = dataset.images.shape[1:3]
    if height != width:
        raise DataError(f"{path}: images are {height} x {width} pixels, but must be square. Crop or resize them first.")
    return dataset


def _read(path: Path, fit: Fit) -> Dataset:
    if not path.exists():
        raise DataError(f"{path} does not exist. Give 'digits', which is built in, or the path of a file or folder.")
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path} is empty; give a file or folder with images.")
    if not path.is_file() and not path.is_dir():
        raise DataError(f"{path} is no file; give a file or folder with images.")
    known = read_known(path, fit.background)
    if known is not None:
        return known
    collection = open_collection(path)
    if collection is not None:
        return read_pictures(path, collection)
    if path.is_dir():
        raise DataError(
            f"{path} holds no images ({', '.join(ENDINGS[:5])}, …) and none of the files that are known: "
            f"train-images-idx3-ubyte[.gz], data_batch_1 … 5. Give a folder with images, or a file."
        )
    name = path.name.lower()
    if name.endswith(ENDINGS) or name.startswith("data_batch_"):
        raise DataError(f"{path} is one file of many; give the folder that it lies in: {path.parent}.")
    raise DataError(f"{path} begins like no file of images that is known; give an .npz, .npy, idx or CIFAR file.")

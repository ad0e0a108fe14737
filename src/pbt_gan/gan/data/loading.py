"""Look at what `--data` names, and make a data set of it: images of one size, whatever lies there."""

from contextlib import closing
from pathlib import Path

from pbt_gan.errors import DataError, suggestion
from pbt_gan.gan.data import cache
from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.gan.data.digits import read_digits
from pbt_gan.gan.data.download import KNOWN, downloaded
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.gathering import check_bad, gather, refit
from pbt_gan.gan.data.known import read_known
from pbt_gan.gan.data.pictures.fitting import resolved, words
from pbt_gan.gan.data.pictures.names import ENDINGS
from pbt_gan.gan.data.pictures.opening import open_collection
from pbt_gan.places import expanded

_USUAL = Fit()


def load_dataset(place: str, fit: Fit = _USUAL) -> Dataset:
    """Return a data set. Files are known by what they begin with; a name counts where that says nothing.

    Pictures, and arrays of another size, are fitted once and kept in the cache; a second call maps them into memory.

    Args:
        place: "digits", which is built in; the name of a data set that was fetched, such as "mnist"; or a path: an
            `.npz` or `.npy`, an MNIST-style idx file or the folder of the training ones, an archive of CIFAR-10 or
            CIFAR-100 or the folder that it unpacks to, a folder or an archive of picture files.
        fit: how they become images of one size.

    Raises:
        DataError: it is not there, cannot be read, or holds something else than images.
        ConfigError: there is no such resolution or background.
    """
    if place == "digits":
        return _as_asked(read_digits(), place, fit)
    path = expanded(place)
    if place in KNOWN and not path.exists():
        path = downloaded(place)
    try:
        _check_there(path)
        arrays = read_known(path, fit.background)
        return _pictures(path, fit) if arrays is None else _as_asked(arrays, str(path), fit)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the path and its rights.") from error


def _as_asked(arrays: Dataset, place: str, fit: Fit) -> Dataset:
    """Return images that were read as arrays, fitted if they are not as they were asked for."""
    height, width = arrays.images.shape[1:3]
    whole = resolved(fit, [(width, height)])
    if words(whole, [(width, height)]):
        key = cache.Key(arrays.fingerprint, whole)
        return cache.kept(key, arrays.name, place, lambda store: refit(arrays, whole, store))
    return arrays


def _pictures(path: Path, fit: Fit) -> Dataset:
    name = path.resolve().name
    # A file is known without a look into it, which may mean to unpack all of it.
    key = cache.Key(cache.of_file(path), fit) if path.is_file() else None
    dataset = cache.find(key, name) if key else None
    if dataset is None:
        collection = open_collection(path)
        if collection is None:
            raise _nothing_known(path)
        with closing(collection):
            key = key or cache.Key(cache.of_collection(collection), fit)
            dataset = cache.kept(key, name, str(path), lambda store: gather(name, collection, fit, store))
    if dataset.account is not None:
        check_bad(name, dataset.account.skipped, dataset.account.found, fit.most_bad)
    return dataset


def _check_there(path: Path) -> None:
    if not path.exists():
        meant = suggestion(path.name, ("digits", *KNOWN))
        raise DataError(f"{path} does not exist.{meant} Give 'digits', which is built in, or a file or folder.")
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path} is empty; give a file or folder with images.")
    if not path.is_file() and not path.is_dir():
        raise DataError(f"{path} is no file; give a file or folder with images.")


def _nothing_known(path: Path) -> DataError:
    if path.is_dir():
        return DataError(
            f"{path} holds no images ({', '.join(ENDINGS[:5])}, …) and none of the files that are known: "
            f"train-images-idx3-ubyte[.gz], data_batch_1 … 5. Give a folder with images, or a file."
        )
    name = path.name.lower()
    if name.endswith(ENDINGS) or name.startswith("data_batch_"):
        return DataError(f"{path} is one file of many; give the folder that it lies in: {path.parent}.")
    return DataError(
        f"{path} begins like no file of images that is known. Give an .npz, .npy, idx or CIFAR file, or a folder or an "
        f"archive of picture files."
    )

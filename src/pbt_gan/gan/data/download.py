"""Known data sets, from where their authors or well-known mirrors keep them; fetched only when somebody asks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from pbt_gan import files
from pbt_gan.errors import ConfigError, DataError, instead
from pbt_gan.gan.data.fetching import fetch
from pbt_gan.places import cache_folder


class KnownData(NamedTuple):
    """A data set that can be fetched."""

    places: tuple[str, ...]  # folders that hold its files, the authors' own first; tried in turn
    files: Mapping[str, str]  # their names and MD5 checksums, as published
    most_bytes: int  # of a file: half as much again as the largest has


_TORONTO = ("https://www.cs.toronto.edu/~kriz/",)
_MNIST = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
_FASHION = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
_IDX = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def _idx(*md5: str) -> Mapping[str, str]:
    return {f"{name}-ubyte.gz": each for name, each in zip(_IDX, md5, strict=True)}


KNOWN: Mapping[str, KnownData] = {
    "cifar-10": KnownData(_TORONTO, {"cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a"}, 256 * 2**20),
    "cifar-100": KnownData(_TORONTO, {"cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85"}, 256 * 2**20),
    "mnist": KnownData(
        _MNIST,
        _idx(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        16 * 2**20,
    ),
    "fashion-mnist": KnownData(
        _FASHION,
        _idx(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        40 * 2**20,
    ),
}


def downloaded(name: str) -> Path:
    """Return where a known data set lies, as a path to read.

    Raises:
        DataError: it has not been fetched; says how.
    """
    folder = _folder(name)
    if not all((folder / file).is_file() for file in KNOWN[name].files):
        raise DataError(
            f"{name} is no file here, and the data set of that name has not been fetched. Add --download to fetch it "
            f"from {KNOWN[name].places[0]}, or give the path of your own copy."
        )
    return _read(folder, name)


def download(name: str, progress: Callable[[str, int, int | None], None]) -> Path:
    """Fetch what is missing of a known data set.

    Args:
        name: one of `KNOWN`.
        progress: is told a file's name, how many bytes of it are there, and how many there will be if that is known.

    Returns:
        Where it lies, as a path to read.

    Raises:
        ConfigError: nothing of that name is known.
        DataError: nobody has it, or nothing that has its checksum; or another process is at it.
        StorageError: the disk refused.
    """
    if name not in KNOWN:
        raise ConfigError(f"--download: {name!r} is none of the data sets that can be fetched.{instead(name, KNOWN)}")
    known, folder = KNOWN[name], _folder(name)
    files.make_folder(folder)
    with _alone(folder):
        for file, md5 in known.files.items():
            if not (folder / file).is_file():
                urls = [place + file for place in known.places]
                fetch(urls, folder / file, md5, known.most_bytes, progress=partial(progress, file))
    return _read(folder, name)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from appending to the same files."""
    lock = FileLock(folder / "lock", timeout=0)
    with files.explained(folder):
        try:
            lock.acquire()
        except Timeout:
            raise DataError(f"Another process is fetching into {folder}; wait until it is done.") from None
    try:
        yield
    finally:
        lock.release()


def _folder(name: str) -> Path:
    return cache_folder() / "downloads" / name


def _read(folder: Path, name: str) -> Path:
    """Return the archive, or the folder of a data set of several files."""
    names = list(KNOWN[name].files)
    return folder / names[0] if len(names) == 1 else folder

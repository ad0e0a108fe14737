"""CIFAR-10 and CIFAR-100 as their authors publish them: for Python or binary, as an archive or unpacked.

Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
"""

import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pbt_gan.errors import DataError
from pbt_gan.gan.data.account import Account
from pbt_gan.gan.data.arrays.batches import Batch, Binary, Pickled, Version
from pbt_gan.gan.data.bounded import Bounded, read_up_to, unpacked
from pbt_gan.gan.data.dataset import Dataset

MOST_ARCHIVE_BYTES = 512 * 2**20
"""Almost three times what the published archives unpack to."""

MOST_LOOKED_AT = 2**20
"""Bytes of an archive until it shows whose it is. The published ones begin with their folder."""


class Edition(NamedTuple):
    """One of the four archives."""

    title: str
    folder: str  # that it unpacks to
    train: tuple[str, ...]
    test: str
    names: str  # of the classes
    version: Version
    most_bytes: int  # of a file: twice what a published one has
    remarks: tuple[str, ...] = ()

    @property
    def files(self) -> frozenset[str]:
        """All that is read of it."""
        return frozenset((*self.train, self.test, self.names))

    def lies_in(self, folder: Path) -> bool:
        """Whether its files lie there. One that is merely called `train` may be anything."""
        beside = len(self.train) > 1 or folder.name == self.folder or (folder / self.names).is_file()
        return beside and (folder / self.train[0]).is_file()


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_FINE = ("labels are the 100 fine ones; the 20 coarse ones are left out",)

EDITIONS = (
    Edition(
        title="CIFAR-10",
        folder="cifar-10-batches-py",
        train=_BATCHES,
        test="test_batch",
        names="batches.meta",
        version=Pickled("labels", "label_names"),
        most_bytes=64 * 2**20,
    ),
    Edition(
        title="CIFAR-10",
        folder="cifar-10-batches-bin",
        train=tuple(f"{name}.bin" for name in _BATCHES),
        test="test_batch.bin",
        names="batches.meta.txt",
        version=Binary(label_bytes=1),
        most_bytes=64 * 2**20,
    ),
    Edition(
        title="CIFAR-100",
        folder="cifar-100-python",
        train=("train",),
        test="test",
        names="meta",
        version=Pickled("fine_labels", "fine_label_names"),
        most_bytes=320 * 2**20,
        remarks=_FINE,
    ),
    Edition(
        title="CIFAR-100",
        folder="cifar-100-binary",
        train=("train.bin",),
        test="test.bin",
        names="fine_label_names.txt",
        version=Binary(label_bytes=2),
        most_bytes=320 * 2**20,
        remarks=_FINE,
    ),
)


class _Entry(NamedTuple):
    """The header of a file in an archive."""

    edition: Edition | None  # whose folder it lies in
    name: str
    size: int  # bytes
    padding: int  # bytes that follow them
    plain: bool  # neither a folder nor a link


def is_cifar_folder(path: Path) -> bool:
    """Whether a folder holds the training files of an edition, or its folder."""
    return bool(_unpacked(path))


def is_cifar_archive(path: Path) -> bool:
    """Whether a tar, gzipped or not, begins with the folder of an edition."""
    try:
        with unpacked(path) as file:
            looked_at = Bounded(path, file, MOST_LOOKED_AT)
            while (entry := _next(looked_at)) is not None:
                if entry.edition is not None:
                    return True
                looked_at.skip(entry.size + entry.padding)
    except (DataError, OSError, tarfile.TarError):
        pass
    return False


def read_cifar_folder(path: Path) -> Dataset:
    """Read an unpacked edition, or the one in a folder above it.

    Raises:
        DataError: files are missing or damaged, or there are several editions.
    """
    found = _unpacked(path)
    if len({edition.title for edition, _ in found}) > 1:
        raise DataError(f"{path} holds {' and '.join(folder.name for _, folder in found)}; give the one to train on.")
    edition, folder = found[0]

    def files() -> Iterator[tuple[str, bytes]]:
        for name in sorted(edition.files):
            if (folder / name).is_file():
                with (folder / name).open("rb") as file:
                    yield name, bytes(read_up_to(file, edition.most_bytes + 1))

    return _dataset(edition, folder, "folder", files())


def read_cifar_archive(path: Path) -> Dataset:
    """Read an edition straight from its archive, in one pass; nothing is unpacked to the disk.

    Raises:
        DataError: files are missing or damaged.
    """
    try:
        with unpacked(path) as file:
            bounded = Bounded(path, file, MOST_ARCHIVE_BYTES)
            edition, first = _first(path, bounded)
            return _dataset(edition, path, "archive", _members(path, bounded, edition, first))
    except tarfile.TarError as error:
        raise DataError(f"{path} is truncated, damaged or no .tar.gz ({error}); fetch it again.") from error


def _unpacked(path: Path) -> list[tuple[Edition, Path]]:
    here = [(edition, path) for edition in EDITIONS if edition.lies_in(path)]
    return here or [(edition, path / edition.folder) for edition in EDITIONS if (path / edition.folder).is_dir()]


def _next(file: Bounded) -> _Entry | None:
    """Return the next header of a tar; None: its end.

    Header by header, where `tarfile` follows what they announce: it takes a long name into memory whatever its length.
    """
    head = file.read(tarfile.BLOCKSIZE)
    if not head.strip(b"\0"):  # the end, or nothing at all
        return None
    info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    folder, _, name = info.name.removeprefix("./").rpartition("/")
    edition = next((each for each in EDITIONS if each.folder in (folder, name)), None)
    return _Entry(edition, name, info.size, -info.size % tarfile.BLOCKSIZE, info.isreg())


def _first(path: Path, file: Bounded) -> tuple[Edition, _Entry]:
    """Return the edition of an archive, and the first entry that tells of it."""
    while (entry := _next(file)) is not None:
        if entry.edition is not None:
            return entry.edition, entry
        file.skip(entry.size + entry.padding)
    raise DataError(f"{path} holds no CIFAR-10 and no CIFAR-100; of other archives, give the folder they unpack to.")


def _members(path: Path, file: Bounded, edition: Edition, entry: _Entry | None) -> Iterator[tuple[str, bytes]]:
    left = set(edition.files)
    while entry is not None:
        if entry.edition != edition or entry.name not in left:
            file.skip(entry.size + entry.padding)
        else:
            left.remove(entry.name)
            if not entry.plain:
                raise DataError(f"{path}: {entry.name} is no plain file; fetch {edition.title} again.")
            if entry.size > edition.most_bytes:
                raise _too_large(edition, path / entry.name)
            data = file.read(entry.size)
            if len(data) < entry.size:
                raise DataError(f"{path} is truncated within {entry.name}; fetch it again.")
            yield entry.name, data
            file.skip(entry.padding)
        entry = _next(file) if left else None


def _dataset(edition: Edition, place: Path, kind: str, files: Iterable[tuple[str, bytes]]) -> Dataset:
    batches: dict[str, Batch] = {}
    names: tuple[str, ...] = ()
    for name, data in files:
        with _errors_told(edition, place / name, data):
            if name == edition.names:
                names = edition.version.names(data)
            else:
                batches[name] = edition.version.batch(data)
    for name in edition.train:
        if name not in batches:
            raise DataError(f"{place} lacks {name}, a part of {edition.title}; fetch or unpack it again.")
    images = np.concatenate([batches[name].images for name in edition.train])
    labels = np.concatenate([batches[name].labels for name in edition.train])
    test = batches.get(edition.test)
    return Dataset.of(
        edition.title.lower(),
        images,
        labels,
        class_names=names if len(labels) and 0 <= labels.min() <= labels.max() < len(names) else (),
        unseen=test if test is not None and len(test.labels) else None,
        account=Account(f"{edition.title} {kind}", len(images), remarks=edition.remarks),
    )


@contextmanager
def _errors_told(edition: Edition, path: Path, data: bytes) -> Iterator[None]:
    if not data:
        raise DataError(f"{path} is empty; fetch {edition.title} again.")
    if len(data) > edition.most_bytes:
        raise _too_large(edition, path)
    try:
        yield
    except DataError as error:
        raise DataError(f"{path} {error}. Fetch {edition.title} from a place that you trust.") from error
    except Exception as error:  # a damaged or hostile pickle can make the unpickler raise anything
        raise DataError(f"{path} is truncated, damaged or no file of {edition.title}; fetch it again.") from error


def _too_large(edition: Edition, path: Path) -> DataError:
    return DataError(f"{path} is larger than any file of {edition.title}; fetch it again.")

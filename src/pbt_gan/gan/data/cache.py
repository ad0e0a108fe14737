"""Data sets that were made ready once: decoded, fitted, and kept where the next run and every worker find them.

An entry is a folder, made under another name and renamed when it is whole: whatever ends a process, and however many
make the same one, nobody finds half of one.
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pbt_gan import files
from pbt_gan.errors import ConfigError, DataError, StorageError
from pbt_gan.gan.data.card import CARD, FORMAT, Card, digest, read_card, read_dataset, write_card
from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.gathering import Gathered
from pbt_gan.gan.data.pictures.collection import Collection, Item
from pbt_gan.gan.data.pixels import PixelsInFile, PixelsInMemory, Store
from pbt_gan.places import cache_folder

BOUND = "PBT_GAN_CACHE_GB"
"""An environment variable: how much is kept, in GiB."""

USUAL_BOUND_GB = 20.0

_LOOKED_INTO = 16  # pictures of a folder whose bytes are part of its key
_SETTLED_S = 60.0  # a draft that nobody holds is swept when it is older: its maker may be about to take hold of it

_log = logging.getLogger(__name__)


class Key(NamedTuple):
    """What an entry is made of."""

    content: str  # digest of what there is
    fit: Fit  # what was asked for

    @property
    def stem(self) -> str:
        """The begin of the entry's name, before its resolution."""
        made_of = json.dumps([FORMAT, self.content, self.fit.way, self.fit.background])
        return hashlib.sha256(made_of.encode()).hexdigest()[:32]


class Kept(NamedTuple):
    """Something that lies in the cache."""

    path: Path
    size: int  # in bytes
    used: float  # when last, by time.time()


def of_file(path: Path) -> str:
    """Return a digest that changes when a file does, wherever it lies.

    Raises:
        OSError: it cannot be read.
    """
    return _digest("file", path.stat().st_mtime_ns, digest(path))


def of_collection(collection: Collection) -> str:
    """Return a digest that changes when a picture, its name, class or split does; moved as a whole it stays the same.

    A few pictures are looked into: names, sizes and times may be equal in two sets of uncompressed ones.
    """
    items = collection.items
    few = items[:: max(1, len(items) // _LOOKED_INTO)]
    return _digest(
        collection.kind, list(collection.class_names), [list(item) for item in items], *_bytes(collection, few)
    )


def kept(key: Key, name: str, place: str, build: Callable[[Store], Gathered]) -> Dataset:
    """Return the data set of a key; it is made and kept if it is not there.

    Where nothing can be kept it is made in memory, and a line says so.

    Args:
        key: what it is made of.
        name: of the data set.
        place: where it comes from, for people.
        build: makes it, its pixels in the store.

    Raises:
        DataError, ConfigError: it cannot be made; or does not fit into memory, where it has to.
    """
    found = find(key, name)
    if found is not None:
        return found
    try:
        return _made(key, place, build)
    except StorageError as error:
        _log.info("Images are decoded anew each time: %s", _why(error))
        return build(PixelsInMemory).dataset


def find(key: Key, name: str) -> Dataset | None:
    """Return the data set of a key; None: it is not there. What is damaged is removed."""
    with suppress(StorageError):
        folder = _folder()
        resolution = key.fit.resolution or _usual(folder, key.stem)
        path = folder / f"{key.stem}-{resolution}"
        if resolution is None or not path.is_dir():
            return None
        try:
            dataset = read_dataset(path, read_card(path), name)
        except (OSError, ValueError) as error:
            _log.info("What was kept of %s is damaged and made anew (%s)", name, error)
            remove(path)
            return None
        with suppress(OSError):  # somebody else's cache may be read
            os.utime(path / CARD)
        return dataset
    return None


def entries() -> list[Kept]:
    """Return what lies in the cache, the least recently used first: data sets, and what else is kept by name.

    Raises:
        ConfigError: nobody knows where the cache is.
    """
    found = []
    for path in [*_listed(cache_folder() / "data"), *_listed(cache_folder() / "scorers")]:
        with suppress(OSError):
            if path.is_dir():
                inside = [each.stat() for each in path.iterdir()]
                used = (path / CARD).stat().st_mtime if (path / CARD).exists() else 0.0
                found.append(Kept(path, sum(each.st_size for each in inside), used))
            else:
                found.append(Kept(path, path.stat().st_size, path.stat().st_mtime))
    return sorted(found, key=lambda each: each.used)


def what(path: Path) -> str:
    """Return for people what something in the cache is."""
    if path.is_file():
        return "scorer"
    card = _card(path)
    if card is None:
        return "damaged"
    count, height, width, _ = card.images
    return f"{count:,} images of {height}×{width} from {card.place}"


def remove(path: Path) -> None:
    """Remove one thing from the cache; whoever reads it just now keeps it until the end.

    Raises:
        StorageError: the disk refused.
    """
    if not path.is_dir():
        files.remove(path)
        return
    gone = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    with files.explained(path), suppress(FileNotFoundError):  # another process was faster
        files.perform(os.rename, path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def trim(in_use: Path) -> None:
    """Remove what was least recently used, until the rest is within the bound; never what is in use by the caller.

    Raises:
        ConfigError: the bound is no number.
    """
    there = entries()
    too_much = sum(each.size for each in there) - bound_bytes()
    for each in there:
        if too_much <= 0:
            break
        if each.path != in_use:
            with suppress(StorageError):
                remove(each.path)
            too_much -= each.size


def bound_bytes() -> float:
    """Return how much is kept.

    Raises:
        ConfigError: what the environment says is no number.
    """
    said = os.environ.get(BOUND, "")
    try:
        bound = float(said or USUAL_BOUND_GB)
        if bound >= 0:
            return bound * 2**30
    except ValueError:
        pass
    raise ConfigError(f"{BOUND} = {said!r} is no number of GiB; give one such as {USUAL_BOUND_GB:g}.")


def _made(key: Key, place: str, build: Callable[[Store], Gathered]) -> Dataset:
    folder = _folder()
    bound_bytes()  # before the work
    files.make_folder(folder)
    _sweep(folder)
    with _draft(folder, key.stem) as draft:
        dataset, usual = build(lambda name: PixelsInFile(draft / f"{name}.u8"))
        write_card(draft, dataset, place, usual)
        path = folder / f"{key.stem}-{dataset.images.shape[1]}"
        with files.explained(path):
            try:
                files.perform(os.rename, draft, path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise  # else another process was faster; ours goes when nobody reads it any more
    trim(path)
    return dataset


@contextmanager
def _draft(folder: Path, stem: str) -> Iterator[Path]:
    """Make a folder that is held by this process for as long as it lives, and gone afterwards unless it was renamed."""
    path = folder / f".{stem}.{os.urandom(4).hex()}.tmp"
    with files.explained(path):
        files.perform(os.mkdir, path)
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # no locks on this disk: then nobody sweeps there either
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove drafts whose makers are gone."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):  # held, or gone
            if time.time() - path.stat().st_mtime < _SETTLED_S:
                continue
            handle = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


def _folder() -> Path:
    """Return where data sets are kept; StorageError: nowhere."""
    try:
        return cache_folder() / "data"
    except ConfigError as error:
        raise StorageError(str(error)) from error


def _listed(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []


def _card(path: Path) -> Card | None:
    try:
        return read_card(path)
    except (OSError, ValueError):
        return None


def _usual(folder: Path, stem: str) -> int | None:
    """Return the resolution that images have if nobody asks for one; None: none of them was made yet."""
    cards = (_card(path) for path in sorted(folder.glob(f"{stem}-*")))
    return next((card.usual for card in cards if card), None)


def _bytes(collection: Collection, items: Sequence[Item]) -> Iterator[str]:
    for item in items:
        try:
            yield hashlib.sha256(collection.read(item)).hexdigest()
        except (DataError, OSError):
            yield "cannot be read"


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _why(error: StorageError) -> str:
    cause = error.__cause__
    reason = getattr(cause, "strerror", None) or str(error)
    return f"{reason}. The environment variable PBT_GAN_CACHE names another folder to keep them in."

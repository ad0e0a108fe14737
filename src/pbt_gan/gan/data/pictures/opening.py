"""Look at a place, and open the collection of pictures that it is."""

from collections import Counter
from pathlib import Path

from pbt_gan.errors import DataError
from pbt_gan.gan.data.dataset import FEWEST_IMAGES
from pbt_gan.gan.data.pictures.collection import Collection
from pbt_gan.gan.data.pictures.folder import FolderOfPictures
from pbt_gan.gan.data.pictures.tables import TablesOfPictures, is_table_file
from pbt_gan.gan.data.pictures.tarred import TarOfPictures, is_tar
from pbt_gan.gan.data.pictures.walk import Walk
from pbt_gan.gan.data.pictures.zipped import ZipOfPictures, is_zip


def open_collection(path: Path) -> Collection | None:
    """Open what holds pictures. Files are known by what they begin with, whatever they are called.

    Args:
        path: a folder, a zip, a tar, packed or not, or a table.

    Returns:
        None: it holds none.

    Raises:
        DataError: it is damaged, or more than can be listed.
        OSError: it cannot be read.
    """
    if path.is_dir():
        return _open_folder(path)
    if is_zip(path):
        return _unless_empty(path, ZipOfPictures(path))
    if is_table_file(path):
        status = path.stat()
        return TablesOfPictures(path.parent, {path.name: f"{status.st_size} {status.st_mtime_ns}"}, {})
    return _unless_empty(path, TarOfPictures(path)) if is_tar(path) else None


def _open_folder(path: Path) -> Collection | None:
    found = Walk(path)
    if found.tables and len(found.pictures) < FEWEST_IMAGES:  # a banner beside tables is nothing to train on
        others = found.ignored - Counter({"other files": len(found.tables)})
        return TablesOfPictures(path, found.tables, others)
    return _unless_empty(path, FolderOfPictures(path, found.pictures, found.ignored, found.remarks))


def _unless_empty(path: Path, collection: Collection) -> Collection | None:
    if collection.items:
        return collection
    collection.close()
    others = [f"{count:,} {kind}" for kind, count in collection.ignored.items() if kind.startswith(".")]
    if others:
        raise DataError(
            f"{path} holds {', '.join(sorted(others))}, which are not read here, and no other images. "
            f"Convert them first, for example to PNG: mogrify -format png FILES."
        )
    return None

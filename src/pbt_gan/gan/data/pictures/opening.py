"""Look at a place, and open the collection of pictures that it is."""

from pathlib import Path

from pbt_gan.gan.data.pictures.collection import Collection
from pbt_gan.gan.data.pictures.folder import FolderOfPictures
from pbt_gan.gan.data.pictures.tarred import TarOfPictures, is_tar
from pbt_gan.gan.data.pictures.walk import Walk
from pbt_gan.gan.data.pictures.zipped import ZipOfPictures, is_zip


def open_collection(path: Path) -> Collection | None:
    """Open what holds pictures. Files are known by what they begin with, whatever they are called.

    Args:
        path: a folder, or a zip or tar, packed or not.

    Returns:
        None: it holds none.

    Raises:
        DataError: it is damaged, or more than can be listed.
        OSError: it cannot be read.
    """
    if path.is_dir():
        return _open_folder(path)
    if is_zip(path):
        return _unless_empty(ZipOfPictures(path))
    return _unless_empty(TarOfPictures(path)) if is_tar(path) else None


def _open_folder(path: Path) -> Collection | None:
    found = Walk(path)
    return _unless_empty(FolderOfPictures(path, found.pictures, found.ignored, found.remarks))


def _unless_empty(collection: Collection) -> Collection | None:
    if collection.items:
        return collection
    collection.close()
    return None

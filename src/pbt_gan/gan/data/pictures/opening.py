"""Look at a place, and open the collection of pictures that it is."""

from pathlib import Path

from pbt_gan.gan.data.pictures.collection import Collection
from pbt_gan.gan.data.pictures.folder import FolderOfPictures
from pbt_gan.gan.data.pictures.walk import Walk


def open_collection(path: Path) -> Collection | None:
    """Open what holds pictures.

    Args:
        path: a folder.

    Returns:
        None: it holds none.

    Raises:
        DataError: it is damaged, or more than can be listed.
        OSError: it cannot be read.
    """
    return _open_folder(path) if path.is_dir() else None


def _open_folder(path: Path) -> Collection | None:
    found = Walk(path)
    return FolderOfPictures(path, found.pictures, found.ignored, found.remarks) if found.pictures else None

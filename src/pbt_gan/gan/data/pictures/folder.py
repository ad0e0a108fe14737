"""A folder of picture files, with or without folders in it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pbt_gan.gan.data.bounded import read_up_to
from pbt_gan.gan.data.pictures.collection import Collection, Item
from pbt_gan.gan.data.pictures.listing import MOST_PICTURE_BYTES, check_picture, class_names, listed


class FolderOfPictures(Collection):
    """Picture files below a folder.

    Args:
        path: the folder.
        stamps: of pictures and of descriptions, by name.
        ignored: what was left out already, by kind.
        remarks: what was remarked already.
    """

    kind = "folder of images"

    def __init__(
        self, path: Path, stamps: Mapping[str, str], ignored: Mapping[str, int], remarks: Sequence[str] = ()
    ) -> None:
        self._path = path
        self.items, self.ignored, found = listed(stamps, ignored, self._begin)
        self.class_names = class_names(self.items)
        self.remarks = [*remarks, *found]

    def read(self, item: Item) -> bytes:
        """Return the content of a file."""
        check_picture((self._path / item.name).stat().st_size)
        return self._begin(item.name, MOST_PICTURE_BYTES)

    def _begin(self, name: str, most: int) -> bytes:
        with (self._path / name).open("rb") as file:
            return bytes(read_up_to(file, most))

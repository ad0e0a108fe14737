"""A zip of picture files, read where it lies: nothing is ever unpacked to a disk."""

import io
import stat
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pbt_gan.errors import DataError, printable
from pbt_gan.gan.data.bounded import read_up_to
from pbt_gan.gan.data.pictures.collection import Collection, Item
from pbt_gan.gan.data.pictures.listing import MOST_PICTURE_BYTES, Names, check_picture, class_names, listed

MOST_DIRECTORY_BYTES = 2**27
"""Of the list of content, which `zipfile` reads as a whole: more than a million pictures."""

MOST_RATIO = 100
"""Pictures are packed already, and those that are not hardly shrink so far."""

FREE_BYTES = 2**24
"""Which a file may unpack to whatever its ratio: one colour alone, uncompressed, shrinks to nearly nothing."""

_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1


class ZipOfPictures(Collection):
    """Picture files in a zip. Of a name that occurs twice the last counts, as it does for whoever unpacks it.

    Raises:
        DataError: it is damaged, a bomb, or nothing in it can be read without a password.
    """

    kind = "zip of images"

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()  # one reader at a time: `zipfile` shares one place in the file among all
        self._file = _Zip(path)
        try:
            with _errors_told(f"{path} is truncated, damaged or no zip", "; fetch it again."):
                self._archive = zipfile.ZipFile(self._file)
                _check_overlap(self._archive.infolist())
            self._members, ignored = _sorted_out(self._archive.infolist())
            stamps = {name: f"{member.CRC:08x} {member.file_size}" for name, member in self._members.items()}
            self.items, self.ignored, self.remarks = listed(stamps, ignored, self._begin)
            self.class_names = class_names(self.items)
            if not self.items and "encrypted files" in ignored:
                raise DataError(f"{path} is encrypted; unpack it with its password, and give the folder.")
        except BaseException:
            self.close()
            raise

    def read(self, item: Item) -> bytes:
        """Return the content of a file of the archive."""
        member = self._members[item.name]
        check_picture(member.file_size)
        if member.file_size > max(FREE_BYTES, MOST_RATIO * member.compress_size):
            raise DataError(f"unpacks to more than {MOST_RATIO} times its size")
        return self._begin(item.name, MOST_PICTURE_BYTES)

    def close(self) -> None:
        """Close the archive."""
        self._file.close()

    def _begin(self, name: str, most: int) -> bytes:
        with self._lock, _errors_told("damaged"), self._archive.open(self._members[name]) as file:
            return bytes(read_up_to(file, most))


class _Zip(io.FileIO):
    """A file that is never asked for more at a time than an honest archive makes necessary."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_DIRECTORY_BYTES:
            raise ValueError("it lists more files than can be listed here")
        return super().read(-1 if size is None else size)


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does, whatever it is called."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")  # the second: there is nothing in it


def _sorted_out(members: Iterable[zipfile.ZipInfo]) -> tuple[dict[str, zipfile.ZipInfo], dict[str, int]]:
    names = Names()
    kept: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        if member.filename.endswith("/"):  # not is_dir(), which no empty name survives
            continue
        name = names.kept(member.filename.replace("\\", "/"))  # some programs write Windows' own names
        if name is None:
            continue
        if stat.S_ISLNK(member.external_attr >> 16):
            names.ignored["links"] += 1
        elif member.flag_bits & _ENCRYPTED:
            names.ignored["encrypted files"] += 1
        elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            names.ignored["unusually packed files"] += 1  # others unpack to any size at once
        else:
            names.ignored["repeated names"] += name in kept
            kept[name] = member
    return kept, +names.ignored


def _check_overlap(members: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse an archive that packs the same bytes many times: a few megabytes of it would take hours.

    Source: Fifield 2019, "A better zip bomb", WOOT 2019.
    """
    end = 0
    for place, size in sorted((member.header_offset, member.compress_size) for member in members):
        if place < end:
            raise ValueError("its files overlap")
        end = place + _LOCAL_HEADER_BYTES + size


@contextmanager
def _errors_told(what: str, mend: str = "") -> Iterator[None]:
    try:
        yield
    except Exception as error:  # zipfile and zlib raise a dozen kinds on a damaged file
        reason = printable(str(error) or type(error).__name__)[:120]
        raise DataError(f"{what} ({reason}){mend}") from error

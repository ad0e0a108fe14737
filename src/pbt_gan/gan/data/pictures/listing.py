"""From the names of files to the items of a collection, wherever the files lie."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pbt_gan.errors import DataError, printable
from pbt_gan.gan.data.pictures.collection import Item
from pbt_gan.gan.data.pictures.layout import MOST_FOLDERS, MOST_STRAYS, Place, layout
from pbt_gan.gan.data.pictures.names import DESCRIPTION, ignored_file, ignored_folder, is_picture
from pbt_gan.gan.data.pictures.stylegan import described, most_bytes

MOST_FILES = 2_000_000
"""That are listed, pictures or not. More would take gigabytes for their names alone."""

MOST_PICTURE_BYTES = 256 * 2**20
"""Of one picture, as it is stored."""

MOST_NAME = 1024
"""Letters of a picture's name with its folders."""

MOST_DESCRIPTIONS = 8
"""That are read: one for the whole, or one for each split."""


class Listing(NamedTuple):
    """What a collection knows of its pictures before it reads any."""

    items: Sequence[Item]
    ignored: Mapping[str, int]
    remarks: Sequence[str]


class Names:
    """The names of an archive, sorted out as they come: nothing can be skipped there before it is named.

    A folder that is ignored counts once, with all that lies in it, as it does on a disk.
    """

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()
        self._folders: set[str] = set()

    def kept(self, name: str) -> str | None:
        """Return the name in the form that all collections use; None: it is ignored, and counted."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if len(name) > MOST_NAME or len(parts) > MOST_FOLDERS + 1:
            self.ignored["overlong names"] += 1
            return None
        if not parts or name.startswith("/") or ".." in parts or "\0" in name or parts[0].endswith(":"):
            self.ignored["unsafe names"] += 1
            return None
        for depth, folder in enumerate(parts[:-1], 1):
            kind = ignored_folder(folder)
            if kind is not None:
                place = "/".join(parts[:depth])
                self.ignored[kind] += place not in self._folders
                self._folders.add(place)
                return None
        kind = ignored_file(parts[-1])
        if kind is not None:
            self.ignored[kind] += 1
            return None
        return "/".join(parts)


def check_picture(size: int) -> None:
    """Refuse what is larger than any picture before it is read.

    Args:
        size: bytes.

    Raises:
        DataError: it is.
    """
    if size > MOST_PICTURE_BYTES:
        raise DataError(f"larger than {MOST_PICTURE_BYTES // 2**20} MiB")


def listed(stamps: Mapping[str, str], ignored: Mapping[str, int], read: Callable[[str, int], bytes]) -> Listing:
    """Find out which class and which part pictures are of.

    Args:
        stamps: of pictures and of descriptions, by name.
        ignored: what was left out by its name already.
        read: returns a file, or its begin of so many bytes.

    Raises:
        DataError: a description gives senseless labels.
        OSError: a description cannot be read.
    """
    descriptions = sorted((name for name in stamps if not is_picture(name)), key=lambda name: (name.count("/"), name))
    names = stamps.keys() - set(descriptions)
    most = most_bytes(len(names))
    texts = {name: read(name, most + 1) for name in descriptions[:MOST_DESCRIPTIONS]}
    long = [
        f"{printable(name)} is too long for {len(names):,} pictures and is not used"
        for name in texts
        if len(texts[name]) > most
    ]
    labels, said = described(
        {name.removesuffix(DESCRIPTION): text for name, text in texts.items() if len(text) <= most}, names
    )
    found = layout(names, classes=labels is None)
    places, left_out, more = labelled(found.places, labels, DESCRIPTION) if labels else (found.places, {}, ())
    return Listing(
        [Item(name, stamps[name], place.label, place.part) for name, place in sorted(places.items())],
        dict(sorted((Counter(ignored) + Counter(found.left_out) + Counter(left_out)).items())),
        [*found.remarks, *said, *long, *more],
    )


def labelled(
    places: Mapping[str, Place], labels: Mapping[str, str], where: str
) -> tuple[Mapping[str, Place], Mapping[str, int], Sequence[str]]:
    """Give pictures labels that stand elsewhere. A few to train on that have none are left out; more, and nobody has.

    Args:
        places: by name, without labels.
        labels: by name.
        where: they stand.

    Returns:
        places, what was left out by kind, and remarks.
    """
    given = {name: Place(labels.get(name), place.part) for name, place in places.items()}
    to_train_on = [name for name, place in given.items() if place.part == "train"]
    lacking = {name for name in to_train_on if given[name].label is None}
    if len(lacking) > MOST_STRAYS * len(to_train_on):
        return places, {}, [f"{len(lacking):,} pictures have no label in {where}, so nobody has"]
    kept = {name: place for name, place in given.items() if name not in lacking}
    return kept, {"unlabelled pictures": len(lacking)}, ()


def class_names(items: Iterable[Item]) -> tuple[str, ...]:
    """Return the names of classes in the order of their numbers."""
    return in_order({item.label for item in items if item.label is not None})


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names by value if all are numbers, else by letters.

    Examples:
        >>> in_order(["10", "9"]), in_order(["dog", "10", "cat"])
        (('9', '10'), ('10', 'cat', 'dog'))
    """
    found = sorted(names)
    return tuple(sorted(found, key=int)) if all(name.isascii() and name.isdigit() for name in found) else tuple(found)

"""Which class and which part pictures are of, by the folders that they lie in.

Names are all that is looked at, so a folder and an archive of the same files are understood alike.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from pbt_gan.errors import printable
from pbt_gan.gan.data.pictures.collection import Part
from pbt_gan.gan.data.pictures.names import are_chunks, split

MOST_STRAYS = 0.2
"""Of all pictures of a folder: so many may lie beside its class folders before those are taken for no classes."""

MOST_FOLDERS = 32
"""Within each other. What lies deeper is not looked for."""

_MOST_NAMED = 3  # folders or files that a remark names


class Place(NamedTuple):
    """Where a picture belongs."""

    label: str | None
    part: Part


class Layout(NamedTuple):
    """How pictures are laid out."""

    places: Mapping[str, Place]  # by name, of the pictures that are taken
    left_out: Mapping[str, int]  # pictures that are not, by kind
    remarks: tuple[str, ...]


class _File(NamedTuple):
    name: str
    below: tuple[str, ...]  # folders that it lies in, from where we are
    part: Part = "train"

    def lowered(self, part: Part | None = None) -> "_File":
        """Return it as it is seen from the folder below."""
        return _File(self.name, self.below[1:], "unseen" if "unseen" in (part, self.part) else "train")


def layout(names: Iterable[str], classes: bool = True) -> Layout:
    """Tell splits, chunks and classes among the folders of pictures.

    Folder by folder, from the outermost:

    - one folder alone says nothing;
    - `test` and `val` (in their usual spellings) hold what nobody trains on, and `train` the rest. A `train` that lies
      beside other folders, but beside no `test` or `val`, is a class: railways have some;
    - folders that are numbered with five digits or more, or are called `part-1`, `part-2`, only hold parts of one set;
    - other folders are classes, or groups of classes: where a folder holds both pictures and folders, it is one class
      with all that lies below it. A few pictures beside at least two class folders are strays and are left out.

    Args:
        names: of files, with "/" between folders.
        classes: False: labels come from elsewhere, so folders are none.

    Examples:
        >>> layout(["cats/1.png", "dogs/1.png", "test/1.png"]).places["cats/1.png"]
        Place(label='cats', part='train')
    """
    files = [_File(name, tuple(name.split("/")[:-1])) for name in sorted(names)]
    reading = _Reading(classes)
    reading.look(files, ())
    if files and all(place.part == "unseen" for place in reading.places.values()):  # or nothing could be trained on
        reading = _Reading(classes, hold_back=False)
        reading.look(files, ())
    return Layout(reading.places, reading.left_out, reading.remarks())


class _Reading:
    """What has been understood so far."""

    def __init__(self, classes: bool, hold_back: bool = True) -> None:
        self.places: dict[str, Place] = {}
        self.left_out: Counter[str] = Counter()
        self._classes = classes
        self._hold_back = hold_back
        self._for_tests: set[str] = set()  # folders
        self._said: list[str] = []

    def look(self, files: list[_File], label: tuple[str, ...]) -> None:
        """Understand the files of one folder, which stands for a class if it has a label."""
        groups = sorted({file.below[0] for file in files if file.below})
        direct = [file for file in files if not file.below]
        if not groups:
            self._take(files, label)
        elif len(groups) == 1 and not direct:
            self.look([file.lowered() for file in files], label)
        elif parts := _splits(groups):
            self.look(self._parted(files, parts), label)
        elif are_chunks(groups):
            self._say(f"{_listed(groups)} hold parts of one set and are no classes", self._classes)
            self.look([file.lowered() if file.below else file for file in files], label)
        elif not self._classes:
            self._take(files, label)
        else:
            self._classify(files, label, groups)

    def remarks(self) -> tuple[str, ...]:
        """Return what nobody could know without looking at the folders."""
        unseen = sum(place.part == "unseen" for place in self.places.values())
        if self._for_tests:
            folders = _listed(sorted(self._for_tests))
            self._say(f"the {unseen:,} unseen are those of {folders}", self._hold_back)
            self._say(f"there is no train/ beside {folders}, so that is trained on", not self._hold_back)
        nested = sorted({place.label for place in self.places.values() if place.label and "/" in place.label})
        if nested:
            self._say(f"classes are the folders that hold pictures, such as {nested[0]}")
        return tuple(self._said)

    def _parted(self, files: list[_File], parts: Mapping[str, Part | None]) -> list[_File]:
        """Return the files as they are seen when splits are no folders any more."""
        self._for_tests.update(name for name, part in parts.items() if part == "unseen")
        others = [name for name, part in parts.items() if part is None]
        trained = "train" in parts.values()
        seen: list[_File] = []
        for file in files:
            part = parts[file.below[0]] if file.below else None
            if part is not None:
                seen.append(file.lowered(part if self._hold_back else "train"))
            elif not file.below or not trained:
                seen.append(file)
        if len(seen) < len(files):
            self._leave_out(len(files) - len(seen), "stray pictures")
            self._say(f"{_listed(others)} beside train/ is left out")
        return seen

    def _classify(self, files: list[_File], label: tuple[str, ...], groups: list[str]) -> None:
        strays = [file for file in files if not file.below and file.part == "train"]
        if strays and (len(groups) == 1 or len(strays) > MOST_STRAYS * len(files)):
            self._say(f"{len(strays):,} pictures lie beside {_listed(groups)}, so no classes are seen there", not label)
            self._take(files, label)
            return
        if strays:
            self._leave_out(len(strays), "stray pictures")
            names = [printable(file.name)[:80] for file in strays]
            self._say(f"left out, since beside class folders: {_some(names)}")
        self._take([file for file in files if not file.below and file.part == "unseen"], ())
        within: dict[str, list[_File]] = {name: [] for name in groups}
        for file in files:
            if file.below:
                within[file.below[0]].append(file.lowered())
        for name, inner in within.items():
            self.look(inner, (*label, name))

    def _take(self, files: list[_File], label: tuple[str, ...]) -> None:
        text = printable("/".join(label)) if label else None
        self.places.update((file.name, Place(text, file.part)) for file in files)

    def _leave_out(self, count: int, kind: str) -> None:
        self.left_out[kind] += count

    def _say(self, remark: str, really: bool = True) -> None:
        if really:
            self._said.append(remark)


def _splits(names: Collection[str]) -> dict[str, Part | None]:
    """Return the part of each folder, None for those that are no split; nothing: these folders are no splits at all."""
    parts = {name: split(name) for name in names}
    said = set(parts.values())
    return parts if "unseen" in said or said == {"train"} else {}


def _listed(folders: Collection[str]) -> str:
    return _some([f"{printable(name)[:80]}/" for name in folders])


def _some(names: list[str]) -> str:
    if len(names) > _MOST_NAMED:
        return f"{names[0]} … {names[-1]} ({len(names):,})"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

"""What the name of a file or a folder says by itself."""

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from pbt_gan.gan.data.pictures.collection import Part

ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".pgm", ".ppm", ".pbm", ".pnm"),
)
"""Of picture files, in small letters. What such a file really is, its content says."""

OTHER_ENDINGS = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".eps", ".exr", ".hdr"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"),
)
"""Of pictures that nobody here can read. They are counted by kind: whoever has 500 `.heic` files is to know why."""

TABLE_ENDINGS = (".parquet", ".arrow")

DESCRIPTION = "dataset.json"
"""What StyleGAN's tools call the file of the labels."""

_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_SYSTEM_FOLDERS = {
    *("@eadir", "#recycle", "@recycle", "__macosx", "$recycle.bin", "recycler", "system volume information"),
    *("lost+found", "__pycache__"),
}
_SPLITS: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "val", "valid", "validation", "dev"), "unseen"),
}
_SPLIT = re.compile(rf"({'|'.join(_SPLITS)})([-_ .]*(set|images?|imgs?|data|split|\d+))*")
_NUMBERED = re.compile(r"\d{5,}")
_CHUNK = re.compile(r"(chunk|part|shard|batch|block|folder|dir|images?|imgs?)[-_ .]?\d+")


def is_picture(name: str) -> bool:
    """Whether a file is called as pictures are."""
    return name.lower().endswith(ENDINGS)


def is_table(name: str) -> bool:
    """Whether a file is called as tables are that may hold pictures.

    What Hugging Face's library keeps beside its tables, results of computations and orders of rows, is none.
    """
    return name.lower().endswith(TABLE_ENDINGS) and not name.startswith(("cache-", "indices"))


def ignored_file(name: str) -> str | None:
    """Return as what a file is counted that is no picture; None: it is one, or tells of some.

    Examples:
        >>> ignored_file("cat.JPG"), ignored_file("._cat.jpg"), ignored_file("Thumbs.db"), ignored_file("cat.heic")
        (None, 'hidden files', 'system files', '.heic files')
    """
    small = name.lower()
    if name.startswith("."):
        return "hidden files"
    if small in _SYSTEM_FILES:
        return "system files"
    if is_picture(name) or name == DESCRIPTION:
        return None
    return f"{small[small.rindex('.') :]} files" if small.endswith(OTHER_ENDINGS) else "other files"


def ignored_folder(name: str) -> str | None:
    """Return as what a folder is counted whose files are nobody's pictures; None: it is an ordinary one.

    Examples:
        >>> ignored_folder("cats"), ignored_folder(".thumbnails"), ignored_folder("@eaDir")
        (None, 'hidden folders', 'system folders')
    """
    if name.startswith("."):
        return "hidden folders"
    return "system folders" if name.lower() in _SYSTEM_FOLDERS else None


def split(name: str) -> Part | None:
    """Return of which part a folder (or table) of this name holds pictures; None: its name is none of a split.

    Examples:
        >>> split("Training"), split("val2017"), split("test_images"), split("cats")
        ('train', 'unseen', 'unseen', None)
    """
    found = _SPLIT.fullmatch(name.lower())
    return _SPLITS[found[1]] if found else None


def split_of_table(name: str) -> Part | None:
    """Return of which part a file of a table is, by its name or by the folders that it lies in; None: they do not say.

    Examples:
        >>> split_of_table("data/train-00000-of-00005.parquet"), split_of_table("default/validation/0000.parquet")
        ('train', 'unseen')
    """
    path = PurePosixPath(name)
    said = [split(re.split(r"[-_.]", path.name)[0]), *map(split, reversed(path.parts[:-1]))]
    return next((part for part in said if part is not None), None)


def are_chunks(names: Collection[str]) -> bool:
    """Whether folders beside each other only keep any one of them from becoming too large, as `00000`, `00001`, … do.

    Five digits or more: folders `0` … `9`, or `001` … `102`, are the classes of many a data set.

    Examples:
        >>> are_chunks(["00000", "00001"]), are_chunks(["part_1", "part_2"]), are_chunks(["0", "1"])
        (True, True, False)
    """
    if all(_NUMBERED.fullmatch(name) for name in names):
        return len({len(name) for name in names}) == 1 and any(name.startswith("0") for name in names)
    found = [_CHUNK.fullmatch(name.lower()) for name in names]
    return None not in found and len({chunk[1] for chunk in found if chunk}) == 1

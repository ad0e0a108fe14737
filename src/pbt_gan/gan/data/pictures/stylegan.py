"""The labels that StyleGAN's tools write beside pictures: `dataset.json`, with `{"labels": [["a.png", 3], …]}` or null.

Format: NVlabs/stylegan3, `dataset_tool.py`.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from pbt_gan.errors import DataError, printable

MOST_LABEL = 2**31
"""Numbers of classes are smaller. They need not follow each other."""

_MEND = '"labels" is to be null, or a list of pairs such as ["00000/img00000000.png", 3]'


class Described(NamedTuple):
    """What all descriptions of a collection say."""

    labels: Mapping[str, str] | None  # by picture; empty: there are none on purpose; None: nothing is said of labels
    remarks: tuple[str, ...]


def most_bytes(pictures: int) -> int:
    """Return how long a description of so many pictures may be: JSON takes thirty times its length when it is read."""
    return 2**20 + 128 * pictures


def described(texts: Mapping[str, bytes], names: Collection[str]) -> Described:
    """Read the labels of pictures.

    Args:
        texts: descriptions by the folder that they lie in, which ends with "/" unless it is the outermost; names in
            them begin there.
        names: of all pictures.

    Raises:
        DataError: a list of labels holds something else than pairs of a name and a whole number.
    """
    labels: dict[str, str] | None = None
    remarks = []
    for folder, text in texts.items():
        place = f"{printable(folder)}dataset.json"
        found = _labels(place, text)
        if isinstance(found, str):
            remarks.append(f"{place} {found}")
            continue
        there = {folder + name: label for name, label in found.items() if folder + name in names}
        if found and not there:
            remarks.append(f"{place} names no picture that is there and is not used")
            continue
        labels = {**(labels or {}), **there}
        if len(there) < len(found):
            remarks.append(f"{place} names {len(found) - len(there):,} pictures that are not there")
    if labels:
        remarks.append("dataset.json gives the labels")
    return Described(labels, tuple(remarks))


def _labels(place: str, text: bytes) -> dict[str, str] | str:
    """Return the labels of a description by name, or why it gives none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "is no JSON and is not used"
    if not isinstance(found, dict) or "labels" not in found:
        return "says nothing of labels and is not used"
    entries = found["labels"]
    if entries is None:
        return {}
    if not isinstance(entries, list):
        raise DataError(f"{place}: {_MEND}; it is a {type(entries).__name__}.")
    labels: dict[str, str] = {}
    for entry in entries:
        if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)):
            raise DataError(f"{place}: {_MEND}; it holds {_short(entry)}.")
        name, label = entry
        if isinstance(label, list):
            return "gives lists of numbers in place of classes, which are not used"
        if type(label) is not int or not 0 <= label < MOST_LABEL:
            raise DataError(f"{place}: {_MEND}; the label of {_short(name)} is {_short(label)}.")
        labels[name.replace("\\", "/")] = str(label)
    return labels


def _short(value: Any) -> str:
    text = printable(repr(value)) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return text if len(text) <= 60 else f"{text[:59]}…"

"""What is written in one file of CIFAR: rows of pixels with their labels, or the names of the classes."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pbt_gan.gan.data.arrays.pickles import plain

PIXELS = 3 * 32 * 32
MOST_NAMES = 1_000
LONGEST_NAME = 100


class Batch(NamedTuple):
    """Images and what they show."""

    images: NDArray[np.uint8]  # [N, 32, 32, 3]
    labels: NDArray[np.int64]  # [N]


class Version(Protocol):
    """How the authors have written the files down. Both methods raise ValueError, or anything, on damaged ones."""

    def batch(self, data: bytes) -> Batch:
        """Return the images of a file."""

    def names(self, data: bytes) -> tuple[str, ...]:
        """Return the names of the classes, by number."""


class Pickled(NamedTuple):
    """The version for Python: a dict in a pickle."""

    labels: str  # the keys in these dicts
    class_names: str

    def batch(self, data: bytes) -> Batch:
        """See `Version`."""
        entries = plain(data)
        labels = _whole_numbers(_entry(entries, self.labels))
        return _batch(_entry(entries, "data").array().reshape(-1, PIXELS), labels)

    def names(self, data: bytes) -> tuple[str, ...]:
        """See `Version`."""
        names = _entry(plain(data), self.class_names)
        if type(names) is not list or not all(type(name) in (bytes, str) for name in names):
            raise ValueError("the names of the classes are no list of texts")
        return _checked_names([name.decode() if isinstance(name, bytes) else name for name in names])


class Binary(NamedTuple):
    """The binary version: rows of label bytes, of which the last counts, and pixels; and names in a text."""

    label_bytes: int

    def batch(self, data: bytes) -> Batch:
        """See `Version`."""
        rows = np.frombuffer(data, np.uint8).reshape(-1, self.label_bytes + PIXELS)
        return _batch(rows[:, self.label_bytes :], rows[:, self.label_bytes - 1].astype(np.int64))

    def names(self, data: bytes) -> tuple[str, ...]:
        """See `Version`."""
        return _checked_names(data[: MOST_NAMES * LONGEST_NAME].decode().split())


def _batch(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> Batch:
    if len(labels) != len(pixels):
        raise ValueError(f"there are {len(pixels)} images but {len(labels)} labels")
    return Batch(np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels)


def _entry(entries: dict[bytes | str, Any], name: str) -> Any:
    return entries[name] if name in entries else entries[name.encode()]


def _whole_numbers(labels: object) -> NDArray[np.int64]:
    # Before NumPy sees them: it follows lists in lists, and a few lists that share each other are gigabytes unfolded.
    if type(labels) is not list or not all(type(label) is int for label in labels):
        raise ValueError("the labels are no list of whole numbers")
    return np.array(labels, np.int64)


def _checked_names(names: list[str]) -> tuple[str, ...]:
    if len(names) > MOST_NAMES or not all(name.isprintable() and 0 < len(name) <= LONGEST_NAME for name in names):
        raise ValueError("the names of the classes are too many or no names")
    return tuple(names)

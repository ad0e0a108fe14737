"""What a place with picture files is, whether a folder, an archive or a table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Part = Literal["train", "unseen"]
"""Of which split a picture is: what the nets learn from, or what only scores are checked with (`test`, `val`)."""


class Item(NamedTuple):
    """One encoded picture."""

    name: str  # where it lies, with "/" between folders; unique in its collection
    stamp: str  # changes when the content does: size and time of a file, CRC of what lies in an archive
    label: str | None = None  # the name of its class
    part: Part = "train"


class Collection(ABC):
    """Encoded pictures, listed and not yet read. Nothing that it was given is believed.

    `items` stand in an order that depends on names alone. Among those to train on either all have a label or none has.
    `read` may be called from several threads at a time, and is fastest in the order of the items.
    """

    kind: str  # "folder of images", "zip of images"
    items: Sequence[Item]
    class_names: Sequence[str]  # in the order of their numbers; empty: there are no labels
    ignored: Mapping[str, int]  # what is no picture, by kind: {"hidden files": 3}
    remarks: Sequence[str]  # "dataset.json gives the labels"

    @abstractmethod
    def read(self, item: Item) -> bytes:
        """Return the encoded picture.

        Raises:
            OSError, DataError: it cannot be read, or is larger than any picture.
        """

    def close(self) -> None:
        """Let go of what is open."""
        return

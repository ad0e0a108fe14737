"""What is known of images that were made ready, beside their pixels; written with them, and read instead of them."""

import hashlib
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from pbt_gan import files
from pbt_gan.gan.data.account import Account
from pbt_gan.gan.data.dataset import Dataset, Unseen
from pbt_gan.gan.data.pixels import mapped

CARD = "card.json"
FORMAT: Literal[1] = 1
"""Of a folder with a card. Another one is made anew."""

_PIECES, _PIECE_BYTES = 256, 2**16  # of a file that are looked at; all of one that has fewer
_LABELS = np.dtype("<i8")
_LONGEST = 64 * 2**20  # bytes of a card: a million files that could not be read


class Card(BaseModel):
    """The content of `card.json`. Pixels lie beside it in `images.u8` and `unseen.u8`, labels in `….i64`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    place: str  # where they come from, for people
    usual: int  # the resolution that they have if nobody asks for one
    images: tuple[int, int, int, int]  # their shape
    labels: bool
    unseen: tuple[int, int, int, int] | None
    unseen_labels: bool
    classes: int
    class_names: tuple[str, ...]
    fingerprint: str  # of the data set
    account: Account
    digests: dict[str, str]  # of each file
    seal: str = ""  # digest of all this

    def sealed(self) -> Self:
        """Return it with the seal that belongs to it."""
        text = self.model_copy(update={"seal": ""}).model_dump_json()
        return self.model_copy(update={"seal": hashlib.sha256(text.encode()).hexdigest()})


def write_card(folder: Path, dataset: Dataset, place: str, usual: int) -> None:
    """Put labels and a card beside the pixels of a data set, which lie in the folder already.

    Raises:
        StorageError: the disk refused.
    """
    unseen = dataset.unseen
    for name, labels in (("images", dataset.labels), ("unseen", unseen.labels if unseen else None)):
        if labels is not None:
            files.write(folder / f"{name}.i64", labels.astype(_LABELS).tobytes(), durable=False)
    with files.explained(folder):
        digests = {path.name: digest(path) for path in sorted(folder.iterdir())}
    count, *size = dataset.images.shape
    card = Card(
        place=place,
        usual=usual,
        images=(count, size[0], size[1], size[2]),
        labels=dataset.labels is not None,
        unseen=(len(unseen.images), size[0], size[1], size[2]) if unseen else None,
        unseen_labels=unseen is not None and unseen.labels is not None,
        classes=dataset.classes,
        class_names=dataset.class_names,
        fingerprint=dataset.fingerprint,
        account=dataset.account or Account("arrays", count),
        digests=digests,
    )
    files.write(folder / CARD, card.sealed().model_dump_json().encode(), durable=False)


def read_card(folder: Path) -> Card:
    """Return a folder's card.

    Raises:
        OSError, ValueError: it is missing, damaged or of another version.
    """
    if (folder / CARD).stat().st_size > _LONGEST:
        raise ValueError(f"{folder / CARD} is too long")
    card = Card.model_validate_json((folder / CARD).read_bytes())
    if card != card.sealed():
        raise ValueError(f"{folder / CARD} is not what was written")
    return card


def read_dataset(folder: Path, card: Card, name: str) -> Dataset:
    """Return the data set of a folder, its pixels mapped.

    Raises:
        OSError, ValueError: a file is missing or damaged.
    """
    for file, expected in card.digests.items():
        if Path(file).name != file or digest(folder / file) != expected:
            raise ValueError(f"{folder / file} is not what was written")
    unseen = None
    if card.unseen is not None:
        labels = _labels(folder, "unseen", card.unseen[0]) if card.unseen_labels else None
        unseen = Unseen(mapped(folder / "unseen.u8", card.unseen), labels)
    return Dataset(
        name,
        mapped(folder / "images.u8", card.images),
        _labels(folder, "images", card.images[0]) if card.labels else None,
        card.classes,
        card.fingerprint,
        card.class_names,
        unseen,
        card.account,
    )


def digest(path: Path) -> str:
    """Return the sha256 of a file's size and of pieces of it, evenly spread; of a file under 16 MiB they are all of it.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    found = hashlib.sha256(str(size).encode())
    last = max(size - _PIECE_BYTES, 0)
    step = max(_PIECE_BYTES, last // (_PIECES - 1))
    with path.open("rb") as file:
        for place in (*range(0, last, step), last):
            file.seek(place)
            found.update(file.read(_PIECE_BYTES))
    return found.hexdigest()


def _labels(folder: Path, name: str, count: int) -> NDArray[np.int64]:
    labels = np.fromfile(folder / f"{name}.i64", _LABELS)
    if len(labels) != count:
        raise ValueError(f"{folder} has {len(labels)} labels for {count} images")
    return labels.astype(np.int64)

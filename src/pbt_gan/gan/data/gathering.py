"""Many pictures at a time: decoded, fitted and put one behind the other, in the order of their names."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pbt_gan.errors import DataError, printable
from pbt_gan.gan.data.account import Account, Sides, Skipped
from pbt_gan.gan.data.dataset import FEWEST_IMAGES, Dataset
from pbt_gan.gan.data.fit import Fit
from pbt_gan.gan.data.oddities import remarks
from pbt_gan.gan.data.parallel import in_order
from pbt_gan.gan.data.pictures.collection import Collection, Item, Part
from pbt_gan.gan.data.pictures.fitting import enlarged, fitted, resolved, words
from pbt_gan.gan.data.pictures.picture import Header, Picture, Trait, decode, header, told
from pbt_gan.gan.data.pixels import Store

_NAMED = 3  # files that an error names
_T = TypeVar("_T")
_PARTS: dict[Part, str] = {"train": "images", "unseen": "unseen"}


class Gathered(NamedTuple):
    """A data set of images of one size."""

    dataset: Dataset
    usual: int  # the resolution that they have if nobody asks for one


class _Seen(NamedTuple):
    item: Item
    header: Header


class _Made(NamedTuple):
    item: Item
    pixels: NDArray[np.uint8]  # [R, R, C]
    traits: frozenset[Trait]


def gather(name: str, collection: Collection, fit: Fit, store: Store) -> Gathered:
    """Make a data set of a collection.

    Sizes are looked at first, then all is decoded, both by as many threads as there are cores: Pillow works beside
    Python. Whatever is ready first, images stand in the order of the collection.

    Args:
        name: of the data set.
        collection: what there is.
        fit: what to make of it.
        store: takes the pixels.

    Raises:
        DataError: more than `fit.most_bad` pictures cannot be read, or too few can.
        ConfigError: there is no such resolution or background.
        StorageError: the disk refused to take the pixels.
    """
    skipped: list[Skipped] = []

    def good(found: Iterator[_T | Skipped]) -> Iterator[_T]:
        for each in found:
            if isinstance(each, Skipped):
                skipped.append(each)
                check_bad(name, skipped, len(collection.items), fit.most_bad)
            else:
                yield each

    with closing(in_order(lambda item: _looked(collection, item), collection.items, "Looking at pictures")) as found:
        seen = list(good(found))
    sides = [(each.header.width, each.header.height) for each in seen]
    _check_enough(name, len(sides), skipped)
    whole = resolved(fit, sides)
    side, channels = whole.resolution or 0, 1 if all(each.header.grey for each in seen) else 3
    pixels = {part: store(_PARTS[part]) for part in dict.fromkeys(each.item.part for each in seen)}
    labels: dict[Part, list[str | None]] = {"train": [], "unseen": []}
    traits: Counter[Trait] = Counter()
    items = [each.item for each in seen]
    with closing(in_order(lambda item: _made(collection, item, whole, channels), items, "Decoding pictures")) as made:
        for each in good(made):
            pixels[each.item.part].add(each.pixels)
            labels[each.item.part].append(each.item.label)
            traits.update(each.traits)
    _check_enough(name, len(labels["train"]), skipped)
    images = {part: pixels[part].array((side, side, channels)) for part in pixels}
    account = Account(
        collection.kind,
        found=len(collection.items),
        sides=Sides(min(chain(*sides)), max(chain(*sides))),
        fitted=words(whole, sides),
        ignored=dict(collection.ignored),
        skipped=tuple(sorted(skipped)),
        remarks=(*collection.remarks, *told(traits), *_of_enlarged(whole, sides)),
    )
    dataset = Dataset.of(
        name,
        images.get("train", np.empty((0, side, side, channels), np.uint8)),
        _numbers(labels["train"], collection.class_names),
        class_names=collection.class_names,
        unseen=(images["unseen"], _numbers(labels["unseen"], collection.class_names)) if "unseen" in images else None,
        account=account,
    )
    return Gathered(examined(dataset), resolved(replace(fit, resolution=None), sides).resolution or side)


def refit(dataset: Dataset, fit: Fit, store: Store) -> Gathered:
    """Bring images that were read as arrays to another size, in threads.

    Args:
        dataset: images of any height and width.
        fit: with a resolution.
        store: takes the pixels.

    Raises:
        StorageError: the disk refused to take the pixels.
    """
    height, width, channels = dataset.images.shape[1:]

    def made(name: str, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        pixels = store(name)
        with closing(
            in_order(lambda image: fitted(_picture(image), fit, channels), list(images), "Fitting images")
        ) as done:
            for image in done:
                pixels.add(image)
        return pixels.array((fit.resolution or 0, fit.resolution or 0, channels))

    account = dataset.account or Account("arrays", len(dataset.images))
    sides = [(width, height)]
    account = replace(
        account,
        sides=Sides(min(height, width), max(height, width)),
        fitted=words(fit, sides),
        remarks=(*account.remarks, *_of_enlarged(fit, sides * len(dataset.images))),
    )
    unseen = dataset.unseen
    fresh = Dataset.of(
        dataset.name,
        made("images", dataset.images),
        dataset.labels,
        class_names=dataset.class_names,
        unseen=None if unseen is None else (made("unseen", unseen.images), unseen.labels),
        account=account,
    )
    usual = resolved(replace(fit, resolution=None), sides).resolution
    return Gathered(examined(fresh), usual or fresh.images.shape[1])


def examined(dataset: Dataset) -> Dataset:
    """Return a data set whose account also tells what is odd about its values, which takes a second or two."""
    account = dataset.account
    if account is None or account.examined:
        return dataset
    found = remarks(dataset.images, dataset.labels, dataset.class_names)
    return replace(dataset, account=replace(account, remarks=(*account.remarks, *found), examined=True))


def check_bad(name: str, skipped: Sequence[Skipped], found: int, most: int) -> None:
    """Raise DataError if more pictures cannot be read than may be."""
    if len(skipped) > most:
        raise DataError(
            f"{name}: more than {most} of {found:,} pictures cannot be read ({_some(skipped)}). Mend or remove them, "
            f"or leave more of them out: --max-bad N (task.max_bad)."
        )


def _check_enough(name: str, count: int, skipped: Sequence[Skipped]) -> None:
    """Raise DataError if too few pictures are left, and name those that are not."""
    if count < FEWEST_IMAGES and skipped:
        raise DataError(
            f"{name} holds {count} pictures that can be read, but at least {FEWEST_IMAGES} are needed. Left out: "
            f"{_some(skipped)}."
        )


def _some(skipped: Sequence[Skipped]) -> str:
    first = "; ".join(f"{each.name[-80:]}: {each.reason}" for each in skipped[:_NAMED])
    return f"{first}; …" if len(skipped) > _NAMED else first


def _looked(collection: Collection, item: Item) -> _Seen | Skipped:
    return _tried(item, lambda: _Seen(item, header(collection.read(item))))


def _made(collection: Collection, item: Item, fit: Fit, channels: int) -> _Made | Skipped:
    def made() -> _Made:
        picture = decode(collection.read(item), fit.resolution)
        return _Made(item, fitted(picture, fit, channels), picture.traits)

    return _tried(item, made)


def _tried(item: Item, work: Callable[[], _T]) -> _T | Skipped:
    try:
        return work()
    except DataError as error:
        return Skipped(printable(item.name), str(error))
    except OSError as error:
        return Skipped(printable(item.name), error.strerror or str(error))


def _numbers(labels: Sequence[str | None], class_names: Sequence[str]) -> NDArray[np.int64] | None:
    """Return labels as numbers; None: not every picture has one that is known."""
    numbers = {name: number for number, name in enumerate(class_names)}
    if not labels or not set(labels) <= numbers.keys():
        return None
    return np.array([numbers[label] for label in labels if label is not None], np.int64)


def _of_enlarged(fit: Fit, sides: Sequence[tuple[int, int]]) -> Iterator[str]:
    if count := enlarged(fit, sides):
        yield f"{count:,} picture{'s are' if count > 1 else ' is'} smaller than the images made of them: enlarged"


def _picture(image: NDArray[np.uint8]) -> Picture:
    shown = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    return Picture(shown, *shown.size, frozenset())

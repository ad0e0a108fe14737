"""What all readers end in: one checked uint8 array of images, with labels where there are any."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.account import Account

FEWEST_IMAGES = 10
MOST_BYTES = 4 * 2**30
"""Of images that are read from one file: they lie in memory as a whole, once in each worker."""

FEWEST_IMAGES_A_CLASS = 10


class Unseen(NamedTuple):
    """Real images that no net of a member ever sees: a split for tests, where the data brings one."""

    images: NDArray[np.uint8]  # [M, H, W, C], as those of the data set
    labels: NDArray[np.int64] | None  # [M], by the numbers of the data set


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images to learn, and what they are known to show."""

    name: str
    images: NDArray[np.uint8]  # [N, H, W, C]; H = W, C is 1 or 3; may be a memory map
    labels: NDArray[np.int64] | None  # [N], each in 0 … classes - 1
    classes: int  # 0 without labels
    fingerprint: str  # sha256 over shape and bytes of images and labels
    class_names: tuple[str, ...] = ()  # by number; empty: they have none
    unseen: Unseen | None = None
    account: Account | None = None  # how it came about; None: nothing needs to be said

    @classmethod
    def of(
        cls,
        name: str,
        images: NDArray[Any],
        labels: NDArray[Any] | None = None,
        *,
        class_names: Sequence[str] = (),
        unseen: tuple[NDArray[Any], NDArray[Any] | None] | None = None,
        account: Account | None = None,
    ) -> "Dataset":
        """Check images and labels and put them into the one form that everything here works with.

        Args:
            name: what messages and reports call the data.
            images: uint8[N, H, W, C] with 1 or 3 channels. H may differ from W until they are fitted.
            labels: integers, [N] or [N, 1]; they are numbered anew from 0, in ascending order. Labels that cannot teach
                a classifier (one class only, or fewer than ten images a class on average) count as none.
            class_names: of the labels as they are given: that of label 3 is `class_names[3]`.
            unseen: images of a split for tests, of the same height, width and channels, and their labels.
            account: how they came about.

        Raises:
            DataError: not what is listed above, or too few images.
        """
        images = _checked(name, images)
        others = None if unseen is None else _checked(f"{name}, unseen", unseen[0])
        if others is not None and others.shape[1:] != images.shape[1:]:
            shapes = " and ".join(str(list(each.shape[1:])) for each in (images, others))
            raise DataError(f"{name}: images for training and for tests have the shapes {shapes}; make them alike.")
        if len(images) < FEWEST_IMAGES or 0 in images.shape:
            size = f"{images.shape[1]} x {images.shape[2]}"
            raise DataError(f"{name} holds {len(images)} images of {size}; at least {FEWEST_IMAGES} are needed.")
        values = None if labels is None else _whole_numbers(name, labels, len(images))
        known = np.unique(values) if values is not None else np.empty(0, np.int64)
        if values is None or len(known) < 2 or len(images) < FEWEST_IMAGES_A_CLASS * len(known):
            numbers, known = None, known[:0]
        else:
            numbers = np.searchsorted(known, values).astype(np.int64)
        return cls(
            name,
            images,
            numbers,
            len(known),
            _fingerprint(images, numbers),
            tuple(class_names[int(value)] for value in known) if class_names else (),
            None if others is None or unseen is None else Unseen(others, _renumbered(name, unseen[1], others, known)),
            account,
        )


def check_size(name: str, size: int) -> None:
    """Refuse images of more than `MOST_BYTES` before anything of that size is read."""
    if size > MOST_BYTES:
        raise DataError(
            f"{name} holds {size / 2**30:,.1f} GiB of images, more than the {MOST_BYTES / 2**30:.0f} GiB that are kept "
            f"in memory. Take a part of them, make them smaller, or give them as picture files."
        )


def _checked(name: str, images: NDArray[Any]) -> NDArray[np.uint8]:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"{name}: images are {images.dtype} of the shape {list(images.shape)}; expected uint8, [N, H, W, C], "
            f"with 1 or 3 channels C (grey or RGB)."
        )
    return np.require(images, requirements=["C", "W"])  # torch warns of a read-only array


def _whole_numbers(name: str, labels: NDArray[Any], count: int) -> NDArray[Any]:
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape not in ((count,), (count, 1)):
        raise DataError(
            f"{name}: labels are {labels.dtype} of the shape {list(labels.shape)}, but {count} whole numbers are "
            f"needed, one an image. Mend or remove them; images without labels will do."
        )
    return labels.reshape(count)


def _renumbered(
    name: str, labels: NDArray[Any] | None, images: NDArray[np.uint8], known: NDArray[Any]
) -> NDArray[np.int64] | None:
    """Return labels by their places among the known ones; None: there are none, or some that training has not."""
    if labels is None or not len(known):
        return None
    values = _whole_numbers(f"{name}, unseen", labels, len(images))
    return np.searchsorted(known, values).astype(np.int64) if np.isin(values, known).all() else None


def _fingerprint(images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> str:
    digest = hashlib.sha256()
    digest.update(f"images {images.shape}".encode())
    digest.update(images.data)
    if labels is not None:
        digest.update(f"labels {labels.shape}".encode())
        digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()

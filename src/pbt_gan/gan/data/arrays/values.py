"""Arrays as people keep them, brought to bytes and whole numbers: what is meant beyond doubt is mended and said."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import DataError
from pbt_gan.gan.data.pictures.fitting import colour

LONGEST_TEXT = 100
"""Letters of a text that names a class."""

LEAST_SIDE = 4
"""Pixels. What is narrower is one picture in colour that was taken for many grey ones."""

SLACK = 1e-3
"""By how much floats may miss 0 … 1 or -1 … 1, as they do after a resize."""

_CHUNK_VALUES = 2**20  # that are worked on at a time
_EXACT = np.float64(2**53)  # up to here a float can tell a whole number from the next


class Pixels(NamedTuple):
    """Images as bytes, and what was done to them."""

    images: NDArray[np.uint8]  # [N, H, W, C], C is 1 or 3
    remarks: tuple[str, ...]


class Labels(NamedTuple):
    """Classes as numbers, and as names where labels are texts."""

    numbers: NDArray[np.int64]  # [N]
    names: tuple[str, ...]  # by number; empty: there are none


def pixels(name: str, array: NDArray[Any], background: str) -> Pixels:
    """Bring images to bytes with channels last.

    Args:
        name: what messages call them.
        array: [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 (grey), 3 (RGB) or 4 (RGB and alpha) channels; numbers
            0 … 255, or floats 0 … 1 or -1 … 1, or true and false.
        background: the colour behind transparent pixels, such as "#ffffff".

    Raises:
        DataError: they have another shape, or values that may mean anything.
    """
    array = _channels_last(name, array)
    convert, said = _conversion(name, array)
    see_through = array.shape[3] == 4
    if see_through:
        said = (*said, f"the fourth channel is transparency; behind it is {background}")
    if convert is None and not see_through:
        return Pixels(array, said)
    images = np.empty((*array.shape[:3], 3 if see_through else array.shape[3]), np.uint8)
    behind = np.array(colour(background), np.uint16)
    for part in _parts(array):
        chunk = array[part] if convert is None else convert(array[part])
        images[part] = _composited(chunk, behind) if see_through else chunk
    return Pixels(images, said)


def labels(name: str, array: NDArray[Any], count: int, names: tuple[str, ...] = ()) -> Labels:
    """Bring labels to whole numbers, one an image.

    Args:
        name: what messages call them.
        array: whole numbers of any type or texts, [N] or [N, 1], or one-hot rows, [N, K].
        count: N.
        names: the classes, where texts have been numbered before. A text that is not among them gets the next number.

    Raises:
        DataError: they are something else.
    """
    rows = array[:, None] if array.ndim == 1 else array
    if rows.ndim != 2 or len(rows) != count:
        rows = np.empty((0, 0))
    if rows.shape[1] > 1 and rows.dtype.kind in "biuf" and _is_one_hot(rows):
        return Labels(rows.argmax(axis=1).astype(np.int64), ())
    if rows.shape[1] == 1 and rows.dtype.kind in "SU" and rows.dtype.itemsize <= 4 * LONGEST_TEXT:
        texts = np.char.decode(rows[:, 0], errors="replace") if rows.dtype.kind == "S" else rows[:, 0]
        known = np.array(names) if names else np.unique(texts)
        numbers = np.searchsorted(known, texts)
        numbers[~np.isin(texts, known)] = len(known)
        return Labels(numbers.astype(np.int64), tuple(known.tolist()))
    if rows.shape[1] == 1 and (rows.dtype.kind in "biu" or (rows.dtype.kind == "f" and _is_whole(rows))):
        return Labels(rows[:, 0].astype(np.int64), ())
    raise DataError(
        f"{name}: labels are {array.dtype} of the shape {list(array.shape)}, but {count} whole numbers are needed, one "
        f"an image. Mend or remove them; images without labels will do."
    )


def _channels_last(name: str, array: NDArray[Any]) -> NDArray[Any]:
    shape = array.shape
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and shape[3] not in (1, 3, 4) and shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
        raise DataError(
            f"{name}: images have the shape {list(shape)}; expected [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 "
            f"or 4 channels C (grey, RGB, RGB and alpha).{_reshaped(shape)}"
        )
    if min(array.shape[1:3]) < LEAST_SIDE:
        raise DataError(
            f"{name}: images have the shape {list(shape)}, with sides of less than {LEAST_SIDE} pixels. One picture is "
            f"no data set; save many of them, [N, H, W, C]."
        )
    return array


def _reshaped(shape: tuple[int, ...]) -> str:
    """Return how rows of pixels become images, if these are."""
    if len(shape) != 2:
        return ""
    for channels in (1, 3):
        side = math.isqrt(shape[1] // channels)
        if side >= LEAST_SIDE and channels * side * side == shape[1]:
            sides = f"-1, {side}, {side}" if channels == 1 else f"-1, 3, {side}, {side}"
            return f" Rows of pixels: images.reshape({sides})."
    return ""


_Convert = Callable[[NDArray[Any]], NDArray[np.uint8]]


def _conversion(name: str, array: NDArray[Any]) -> tuple[_Convert | None, tuple[str, ...]]:
    """Return how values become bytes (None: they are), and what to say about it."""
    kind = array.dtype.kind
    if array.dtype == np.uint8 or not array.size:
        return (None if array.dtype == np.uint8 else _rounded), ()
    if kind == "b":
        return (lambda part: part.astype(np.uint8) * np.uint8(255)), ("true is taken for white and false for black",)
    if kind not in "iuf":
        raise DataError(f"{name}: images are {array.dtype}, not numbers. Save them as numpy.uint8, from 0 to 255.")
    low, high, whole = _range(name, array)
    if low >= -SLACK and high <= 1 + SLACK and kind == "f":
        return (lambda part: _rounded(part * 255.0)), ("values from 0 to 1 are taken for 0 … 255",)
    if -1 - SLACK <= low < 0 and high <= 1 + SLACK and kind == "f":
        return (lambda part: _rounded((part + 1.0) * 127.5)), ("values from -1 to 1 are taken for 0 … 255",)
    if low >= 0 and high <= 255 and whole:
        return _rounded, (f"whole numbers of the type {array.dtype} are taken for bytes",)
    mend = (
        "Round them if that is meant: images.round()"
        if low >= 0 and high <= 255
        else "Of 16 bits a channel: images // 257. Else scale them: (images - low) / (high - low)"
    )
    raise DataError(
        f"{name}: images are {array.dtype} from {low:.6g} to {high:.6g}; expected uint8, whole numbers from 0 to 255, "
        f"or floats from 0 to 1 or -1 to 1. {mend}."
    )


def _range(name: str, array: NDArray[Any]) -> tuple[float, float, bool]:
    """Return the least and the greatest value, and whether all are whole."""
    low, high, whole = math.inf, -math.inf, True
    for part in _parts(array):
        chunk = array[part]
        if not np.isfinite(chunk).all():
            raise DataError(f"{name}: images hold values that are no finite numbers (nan, inf); remove those images.")
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
        whole = whole and _is_whole(chunk)
    return low, high, whole


def _parts(array: NDArray[Any]) -> Iterator[slice]:
    length = max(_CHUNK_VALUES // max(math.prod(array.shape[1:]), 1), 1)
    return (slice(begin, begin + length) for begin in range(0, len(array), length))


def _rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _composited(images: NDArray[np.uint8], background: NDArray[np.uint16]) -> NDArray[np.uint8]:
    alpha = images[..., 3:].astype(np.uint16)
    return ((images[..., :3] * alpha + background * (255 - alpha) + 127) // 255).astype(np.uint8)


def _is_whole(values: NDArray[Any]) -> bool:
    return values.dtype.kind != "f" or bool(((np.abs(values) < _EXACT) & (np.rint(values) == values)).all())


def _is_one_hot(rows: NDArray[Any]) -> bool:
    return bool((((rows == 0) | (rows == 1)).all(axis=1) & (rows.sum(axis=1) == 1)).all())

"""What is odd about images, and what to do about it. Of MNIST, Fashion-MNIST, CIFAR-10 and digits nothing is said."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pbt_gan.errors import printable

MOST_LOOKED_AT = 50_000
"""Images that are compared with each other, evenly drawn from larger sets: about two seconds of one core."""

_SAMPLE = 1_000  # images whose values are all looked at
_DRAWN = 500  # images for which a twin is searched among all that are looked at
_BLOCKS = 8  # an image is compared by the means of 8×8 blocks
_FINEST = 32  # pixels a side from which these means are taken
_TWIN = 2.5  # RMS between means, 0 … 255. JPEG changes less; the closest pairs of MNIST and Fashion-MNIST differ by 3
_TWIN_RELATIVE = 0.05  # of the contrast of an image: in faint images all is close
_FEW = 0.05  # a share of images up to which twins are usual: CIFAR-10 has a few, too
_DARK = 64  # of 255
_UNBALANCED = 10  # times
_FEW_IMAGES = 10  # of a class
_MOST_NAMES = 3


def remarks(
    images: NDArray[np.uint8], labels: NDArray[np.int64] | None = None, class_names: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return remarks on images that a generator would learn as they are, and on labels.

    Values are judged by 1,000 images, copies by 50,000, both evenly drawn, so that it takes seconds at most.

    Args:
        images: uint8[N, H, W, C], N ≥ 1; may be a memory map.
        labels: int64[N], each in 0 … classes - 1; None: there are none.
        class_names: by number; empty: they have none.

    Examples:
        >>> remarks(np.full((10, 8, 8, 1), 7, np.uint8))
        ('all images have the same value, 7, everywhere: there is nothing to learn',)
    """
    found = tuple(_of_values(images))
    return (*found, *_of_labels(labels, class_names))


def _of_values(images: NDArray[np.uint8]) -> Iterator[str]:
    looked_at = _evenly(len(images), MOST_LOOKED_AT)
    means = _block_means(images, looked_at)
    flat = [n for n, is_flat in zip(looked_at, np.ptp(means, axis=1) == 0, strict=True) if is_flat]
    flat = [n for n in flat if np.ptp(images[n], axis=(0, 1)).max() == 0]
    if len(flat) == len(looked_at) and np.ptp(images[flat]) == 0:
        yield f"all images have the same value, {images.flat[0]}, everywhere: there is nothing to learn"
        return
    counts = np.bincount(images[_evenly(len(images), _SAMPLE)].ravel(), minlength=256)
    values = np.flatnonzero(counts)
    brightest = int(np.searchsorted(counts.cumsum(), 0.999 * counts.sum()))
    if values[-1] <= 1:
        yield "no value is above 1 of 255, so all images are black: multiply them by 255, if 1 was meant to be white"
        return  # the rest would follow from it
    if len(values) == 2:
        yield f"only two values occur, {values[0]} and {values[1]}: if that is no drawing or mask, shades were lost"
    elif brightest < _DARK:
        yield f"very dark: 99.9% of all values are at most {brightest} of 255; scale them, if that is not meant"
    if flat:
        yield f"{_of(len(flat), looked_at, images)} of one colour each: remove them, unless they belong"
    share = _share_of_twins(means)
    if share > _FEW:
        yield (
            f"{share:.0%} of the images have a twin that is nearly the same: remove copies, or scores on unseen images "
            "are too good"
        )
    if images.shape[3] == 3 and _is_grey(images[_evenly(len(images), _SAMPLE)]):
        yield "grey images in three equal channels: stored with one, they train faster"


def _of_labels(labels: NDArray[np.int64] | None, class_names: Sequence[str]) -> Iterator[str]:
    if labels is None:
        return
    counts = np.bincount(labels)

    def name(number: int) -> str:
        return printable(class_names[number]) if class_names else f"class {number}"

    small = np.flatnonzero(counts < _FEW_IMAGES)
    if len(small):
        some = ", ".join(map(name, small[:_MOST_NAMES])) + ", …" * (len(small) > _MOST_NAMES)
        classes = "1 class has" if len(small) == 1 else f"{len(small):,} classes have"
        yield f"{classes} fewer than {_FEW_IMAGES} images ({some}): add some, or merge classes"
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[most] >= _UNBALANCED * counts[least]:
        yield (
            f"classes are of very different size, from {counts[least]:,} ({name(least)}) to {counts[most]:,} images "
            f"({name(most)}): the small ones will be learnt badly"
        )


def _evenly(count: int, most: int) -> NDArray[np.intp]:
    """Return numbers of at most so many of `count` things, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def _of(count: int, looked_at: NDArray[np.intp], images: NDArray[np.uint8]) -> str:
    if len(looked_at) == len(images):
        return f"{count:,} of {len(images):,} images are"
    return f"about {count / len(looked_at):.1%} of the images are"


def _block_means(images: NDArray[np.uint8], numbers: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the means of blocks over all channels, float32[len(numbers), up to 64]."""
    step = -(-max(images.shape[1:3]) // _FINEST)
    means = []
    for some in np.array_split(numbers, -(-len(numbers) // 1000)):  # little memory at a time
        pixels = images[some, ::step, ::step]
        count, height, width, channels = pixels.shape
        rows, columns = (np.linspace(0, side, min(side, _BLOCKS) + 1).astype(np.intp) for side in (height, width))
        sums = np.add.reduceat(pixels, rows[:-1], axis=1, dtype=np.uint32)
        sums = np.add.reduceat(sums, columns[:-1], axis=2).sum(axis=3)
        sizes = np.outer(np.diff(rows), np.diff(columns)) * channels
        means.append((sums / sizes).reshape(count, -1).astype(np.float32))
    return np.concatenate(means)


def _share_of_twins(means: NDArray[np.float32]) -> float:
    """Return for which share of images another one is nearly the same, by the means of blocks."""
    drawn = _evenly(len(means), _DRAWN)
    centred = means - means.mean(axis=0)  # so that little is lost where squares are subtracted
    squares = (centred**2).sum(axis=1)
    nearest = np.full(len(drawn), np.inf)
    for start in range(0, len(means), 5000):
        some = slice(start, start + 5000)
        distances = squares[drawn, None] + squares[None, some] - 2 * centred[drawn] @ centred[some].T
        at_home = (drawn >= start) & (drawn < start + 5000)
        distances[at_home, drawn[at_home] - start] = np.inf
        nearest = np.minimum(nearest, distances.min(axis=1))
    contrast = means[drawn].std(axis=1)
    near = np.sqrt(np.maximum(nearest, 0) / means.shape[1])
    return float(np.mean((near < np.minimum(_TWIN, _TWIN_RELATIVE * contrast)) & (contrast > 0)))


def _is_grey(images: NDArray[np.uint8]) -> bool:
    return bool((images == images[..., :1]).all())

"""What a scorer is examined on: real images made worse by degrees, and pictures that show nothing of the data.

All are pure functions of uint8[N, H, W, C] and a random generator.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]

STRENGTHS = (0.25, 0.5, 0.75, 1.0)
"""Of a graded corruption; 1 leaves little of an image, 0 would leave it as it is."""

HALF = 0.5
"""The strength at which the images of all corruptions still show what they are of."""

_GRID = 4  # patches in a row, and blocks of colour
_DISCS = 40  # painted over each other in one picture


def noise(images: Pictures, strength: float, rng: Generator) -> Pictures:
    """Add normal noise, of up to 3/8 of the range of values."""
    return _pixels(images.astype(np.float32) + rng.normal(0, 96 * strength, images.shape).astype(np.float32))


def blur(images: Pictures, strength: float, rng: Generator) -> Pictures:
    """Blur by a normal kernel, of up to a sixth of the image's side; edges are repeated by weighing less outside."""
    places = np.arange(images.shape[1])
    kernel = np.exp(-0.5 * ((places[:, None] - places) / (strength * len(places) / 6)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdims=True)).astype(np.float32)
    rows = np.einsum("ij,njwc->niwc", kernel, images.astype(np.float32), optimize=True)
    return _pixels(np.einsum("ij,nhjc->nhic", kernel, rows, optimize=True))


def cut_out(images: Pictures, strength: float, rng: Generator) -> Pictures:
    """Cover a square of grey, of up to three quarters of the image's side, at a place of each image's own."""
    count, size = images.shape[:2]
    side = max(1, round(0.75 * strength * size))
    rows, columns = rng.integers(0, size - side + 1, (2, count, 1))
    places = np.arange(size)
    covered = ((places >= rows) & (places < rows + side))[:, :, None] & (
        (places >= columns) & (places < columns + side)
    )[:, None, :]
    return np.where(covered[..., None], np.uint8(128), images)


def fade(images: Pictures, strength: float, rng: Generator) -> Pictures:
    """Take up to nine tenths of contrast and colour away."""
    mean = images.mean((1, 2, 3), keepdims=True, dtype=np.float32)
    return _pixels(mean + (1 - 0.9 * strength) * (images - mean))


def shuffle_patches(images: Pictures, strength: float, rng: Generator) -> Pictures:
    """Let up to all patches of a 4×4 grid change places within their image; none of those stays where it was."""
    side = max(1, images.shape[1] // _GRID)
    shuffled = images.copy()
    for image, own in zip(shuffled, images, strict=True):
        chosen = rng.permutation(_GRID**2)[: round(strength * _GRID**2)]
        for here, there in zip(chosen, np.roll(chosen, 1), strict=True):
            (row, column), (above, beside) = (side * np.array(divmod(place, _GRID)) for place in (here, there))
            image[row : row + side, column : column + side] = own[above : above + side, beside : beside + side]
    return shuffled


GRADED: Mapping[str, Callable[[Pictures, float, Generator], Pictures]] = {
    "noise": noise,
    "blur": blur,
    "cut-outs": cut_out,
    "fading": fade,
    "shuffled patches": shuffle_patches,
}


def shuffled_pixels(images: Pictures, rng: Generator) -> Pictures:
    """Keep every image's colours and nothing else of it."""
    count, height, width, channels = images.shape
    pixels = images.reshape(count, height * width, channels)
    order = rng.permuted(np.tile(np.arange(height * width), (count, 1)), axis=1)
    return np.take_along_axis(pixels, order[..., None], axis=1).reshape(images.shape)


def random_pixels(images: Pictures, rng: Generator) -> Pictures:
    """Draw every value evenly."""
    return rng.integers(0, 256, images.shape, dtype=np.uint8)


def blocks(images: Pictures, rng: Generator) -> Pictures:
    """Draw blocks of one colour each, four in a row: what a scorer that has learnt too little takes for pictures."""
    count, size, _, channels = images.shape
    colours = rng.integers(0, 256, (count, _GRID, _GRID, channels), dtype=np.uint8)
    places = np.arange(size) * _GRID // size
    return colours[:, places][:, :, places]


def flat(images: Pictures) -> Pictures:
    """Keep every image's mean colour and nothing else of it: what a generator makes that has not learnt anything."""
    return np.broadcast_to(_pixels(images.mean((1, 2), keepdims=True, dtype=np.float32)), images.shape)


def discs(images: Pictures, rng: Generator) -> Pictures:
    """Paint discs of many sizes over each other: other pictures than the data's, with edges and areas as photographs.

    Source: the dead leaves model, Matheron 1968; its statistics are those of natural images, Lee et al. 2001.
    """
    count, size, _, channels = images.shape
    painted = np.broadcast_to(rng.integers(0, 256, (count, 1, 1, channels), dtype=np.uint8), images.shape)
    places = np.arange(size)
    for _ in range(_DISCS):
        rows, columns = rng.uniform(0, size, (2, count, 1))
        radii = size * np.exp(rng.uniform(np.log(0.05), np.log(0.7), (count, 1, 1)))
        inside = ((places - rows) ** 2)[:, :, None] + ((places - columns) ** 2)[:, None, :] < radii**2
        colours = rng.integers(0, 256, (count, 1, 1, channels), dtype=np.uint8)
        painted = np.where(inside[..., None], colours, painted)
    return painted


NOTHING: Mapping[str, Callable[[Pictures, Generator], Pictures]] = {
    "shuffled pixels": shuffled_pixels,
    "random pixels": random_pixels,
    "blocks of colour": blocks,
    "painted discs": discs,
}
"""What shows nothing of the data; of the images only the shape is needed, but for the first."""


def _pixels(values: NDArray[np.float32]) -> Pictures:
    return np.rint(values).clip(0, 255).astype(np.uint8)

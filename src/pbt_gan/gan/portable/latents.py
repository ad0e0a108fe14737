"""Latents of one's own: cut off, on the way from one to another, or read from a file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from pbt_gan.errors import ConfigError, one_line

Latents = NDArray[np.float32]

MOST_LATENTS = 1_000_000
"""That are read from a file."""

_HEADER = 16_384
"""Bytes in front of the numbers of an array, at most."""


def truncated(z: Latents, most: float) -> Latents:
    """Turn draws of N(0, 1) into draws of N(0, 1) cut off at ± `most`, each number where it stands in the order.

    Samples become more typical and less varied (the truncation trick, Brock et al. 2019, arXiv:1809.11096, section
    3.1). They draw again what lies outside; here each quantile keeps its number, which has the same distribution, and
    a picture changes little by little with `most`.

    Raises:
        ConfigError: `most` is not above 0.
    """
    if not 0 < most < np.inf:
        raise ConfigError(
            f"truncation = {most}: give a number above 0, such as 1; the smaller, the more alike images are."
        )
    below, inside = ndtr(-most), ndtr(most) - ndtr(-most)
    cut = ndtri(below + ndtr(z.astype(np.float64)) * inside)
    inner: Latents = np.clip(cut, -most, most).astype(np.float32)
    return inner


def spherical(start: Latents, end: Latents, shares: NDArray[np.float64]) -> Latents:
    """Return latents [len(shares), Z] on the great circle from one to another: share 0 is `start`, 1 is `end`.

    Latents of many Gaussian numbers lie close to a sphere, and a straight line between two of them does not: its middle
    is nearer to 0 than anything the generator was trained on. Source: Shoemake 1985, doi:10.1145/325334.325242; for
    generators: White 2016, arXiv:1609.04468.
    """
    one, other = start.astype(np.float64), end.astype(np.float64)
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    angle, t = np.arccos(np.clip(one @ other / lengths, -1, 1)) if lengths else 0.0, shares[:, None]
    if np.sin(angle) < 1e-6:  # in one direction, or in opposite ones: there is no one great circle
        way = (1 - t) * one + t * other
    else:
        way = (np.sin((1 - t) * angle) * one + np.sin(t * angle) * other) / np.sin(angle)
    latents: Latents = way.astype(np.float32)
    return latents


def circuit(stations: Latents, frames: int) -> Latents:
    """Return `frames` latents along a closed way through all stations [S, Z], evenly spread; the first is a station."""
    places = np.arange(frames) * len(stations) / frames
    ends = np.roll(stations, -1, axis=0)
    legs = [
        spherical(start, end, places[places.astype(int) == leg] - leg)
        for leg, (start, end) in enumerate(zip(stations, ends, strict=True))
    ]
    return np.concatenate(legs)


def read_latents(path: Path, size: int) -> Latents:
    """Read latents [N, size] from an `.npy`, or from the one array of an `.npz`, or its array `z`.

    Raises:
        ConfigError: there is no such file, it is damaged, or it holds something else. Nothing of it is executed.
    """
    try:
        given = _array(path, MOST_LATENTS * size)
    except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds on a damaged file
        raise ConfigError(f"{path} holds no latents that can be read: {one_line(error)[:200]}.") from error
    if (
        given.ndim != 2
        or given.shape[1] != size
        or not 1 <= len(given) <= MOST_LATENTS
        or given.dtype.kind not in "fiu"
    ):
        raise ConfigError(
            f"{path} holds {given.dtype} of the shape {list(given.shape)}; latents of this generator are real numbers "
            f"[N, {size}], at most {MOST_LATENTS:,} rows."
        )
    latents = np.asarray(given, np.float32)
    if not np.isfinite(latents).all():
        raise ConfigError(f"{path} holds numbers that are not finite; a generator takes none.")
    return latents


def _array(path: Path, most: int) -> NDArray[Any]:
    """Return the array of a file; no more is unpacked than `most` numbers take."""
    with path.open("rb") as file:
        begin = file.read(6)
    if begin == b"\x93NUMPY":
        mapped: NDArray[Any] = np.load(
            path, mmap_mode="r", allow_pickle=False
        )  # a header may promise more than is there
        return mapped
    if not begin.startswith(b"PK\x03\x04"):
        raise ValueError("it is neither an .npy nor an .npz file")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
        name = "z" if "z" in found.files else found.files[0] if len(found.files) == 1 else None
        if name is None:
            raise ValueError(f"it holds {len(found.files)} arrays, and none called z")
        if found.zip.getinfo(f"{name}.npy").file_size > 8 * most + _HEADER:
            raise ValueError("it unpacks to more latents than anybody asks for")
        array: NDArray[Any] = found[name]
        return array

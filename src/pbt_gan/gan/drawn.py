"""What is drawn for each image outside of a step, and handed to those who asked for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Drawn = Mapping[str, "Tensor"]
"""What was drawn, by the names under which it was declared, each [P, B, …]."""

Draw = Callable[[Random, tuple[int, ...]], NDArray[np.float32]]
"""Draws one number, or more along further axes, for each place of a shape."""


@dataclass(frozen=True)
class EachPixel:
    """What is drawn for each number of an image, [C, H, W]; those who draw know how many there are."""

    draw: Draw


Declared = Mapping[str, Draw | EachPixel]
"""What is to be drawn for each image, by name."""

NOTHING: Drawn = MappingProxyType({})
"""Nothing was drawn."""


def uniform(rng: Random, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw from [0, 1)."""
    return rng.random(shape, np.float32)


def uniforms(*more: int) -> Draw:
    """Return what draws from [0, 1) along further axes."""
    return lambda rng, shape: rng.random((*shape, *more), np.float32)


def normals(*more: int) -> Draw:
    """Return what draws from N(0, 1) along further axes."""
    return lambda rng, shape: rng.standard_normal((*shape, *more), np.float32)

"""Noise for the inside of generators: windows of one field of standard normal numbers that never changes.

Where a window lies is drawn for each image, so two numbers are drawn instead of one for each pixel: at 128×128 those of
fifty steps would be half a gigabyte for each member. A window of all zeros in `place` is what images are made with that
are to be looked at.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from pbt_gan.core.rng import stream

FIELD = 256
"""Height and width of the field; what leaves it on one side comes back on the other."""


def windows(place: Tensor, side: int) -> Tensor:
    """Return noise [P, B, side, side], cut where `place` [P, B, 2] says: numbers in [0, 1), down and across."""
    along = (place * FIELD).long()[..., None] + torch.arange(side, device=place.device)
    down, across = (along % FIELD).unbind(-2)
    return _field(place.device)[down[..., None], across[..., None, :]].to(place.dtype)


def corner(side: int, like: Tensor) -> Tensor:
    """Return the noise of images that are to be looked at, [1, 1, side, side]: equal for all of them."""
    return _field(like.device)[None, None, :side, :side].to(like.dtype)


@cache
def _field(device: torch.device) -> Tensor:
    numbers = torch.from_numpy(stream(0, "noise in generators").standard_normal((FIELD, FIELD), np.float32))
    # On a CPU it is left as it is: an operation within `torch.func.vmap` would give what must not outlive that.
    return numbers if device.type == "cpu" else numbers.to(device)

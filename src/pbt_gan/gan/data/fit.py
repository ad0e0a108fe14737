"""How pictures of any size become images of one."""

from dataclasses import dataclass
from typing import Literal

RESOLUTIONS = (8, 16, 28, 32, 48, 64, 96, 128)
"""Sides in pixels that pictures can be brought to."""

Way = Literal["crop", "pad", "stretch"]


@dataclass(frozen=True)
class Fit:
    """What becomes of pictures that are not squares of one size.

    `crop` takes the largest square in the middle, `pad` adds margins of the background's colour, `stretch` changes the
    proportions.
    """

    resolution: int | None = None  # one of RESOLUTIONS; None: as they are if they can be, else what suits most of them
    way: Way = "crop"
    background: str = "#ffffff"  # behind transparent pixels, and of margins
    most_bad: int = 10  # files that may be unreadable; one more is an error

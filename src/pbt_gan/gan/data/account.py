"""What was found where images come from, and what was made of it: what a person is told before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Sides(NamedTuple):
    """The range of widths and heights, in pixels."""

    smallest: int
    largest: int


class Skipped(NamedTuple):
    """A file that was meant to be an image and could not be read as one."""

    name: str  # where it lies in what was given
    reason: str


@dataclass(frozen=True)
class Account:
    """How a data set came about.

    Examples:
        >>> Account("folder of images", found=3, skipped=(Skipped("b.png", "truncated"),)).read
        2
    """

    kind: str  # "folder of images", "CIFAR-10 archive"
    found: int  # images, those that could not be read among them
    sides: Sides | None = None  # as they were found; None: all have the size that they are trained at
    fitted: str = ""  # "centre crop, 64×64"; empty: they are as they were
    ignored: Mapping[str, int] = field(default_factory=dict)  # what is no image, by kind: {"hidden files": 3}
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()  # "12 files hold several frames; the first of each is taken"
    examined: bool = False  # whether the remarks also tell what is odd about the values

    @property
    def read(self) -> int:
        """How many of the images could be read."""
        return self.found - len(self.skipped)

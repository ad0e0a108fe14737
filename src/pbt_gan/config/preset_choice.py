"""Which preset fits images that somebody brings without naming one, and what is said about it.

A pure table: the first row that takes the images is the one. Sizes are in pixels a side, as the images will be trained.
"""

from collections.abc import Callable
from typing import NamedTuple

FEW = 2_000
"""Below so many images a discriminator learns them by heart unless it sees them augmented.

Sources: FastGAN was made for 100 to 2,000 (Liu et al. 2021, arXiv:2101.04775); with 1,000, augmentation halves the
Fréchet distance or better (Zhao et al. 2020, arXiv:2006.10738).
"""

FEWEST = 100
"""The fewest images with which anything but copies of them was published, in the same papers."""


class Found(NamedTuple):
    """What is known of the images."""

    images: int
    size: int
    channels: int  # 1 or 3
    classes: int  # 0: they have no labels
    name: str = ""  # what was given as data

    def __str__(self) -> str:
        colours = "colour" if self.channels == 3 else "grey"
        labels = f", of {self.classes} classes" if self.classes else ""
        return f"{self.images:,} {colours} images of {self.size}×{self.size}{labels}"


class Chosen(NamedTuple):
    """A preset, and what a person is told of it."""

    preset: str
    why: str
    besides: str  # what else would fit; empty: nothing


class _Row(NamedTuple):
    preset: str
    takes: Callable[[Found], bool]
    why: str
    besides: str


_ROWS = (
    _Row(
        "digits",
        lambda found: found.size < 16,
        "its nets have a layer at full size, which so few pixels need",
        "",
    ),
    _Row(
        "mnist",
        lambda found: found.images < FEW and found.channels == 1 and found.size <= 28,
        "with 500 grey images of 28×28 a small DCGAN did better here than FastGAN, in less than half of the time",
        "small-data, made for few images,",
    ),
    _Row(
        "small-data",
        lambda found: found.images < FEW,
        f"with fewer than {FEW:,} a discriminator learns them by heart unless it sees them augmented",
        "",
    ),
    _Row(
        "photos-128",
        lambda found: found.size > 64,
        "its net was made for large images at little cost",
        "sngan-cnn, a plainer net,",
    ),
    _Row(
        "faces-64",
        lambda found: found.size > 48,
        "it is made for this size",
        "sngan-resnet and r3gan-small, better and many times as long,",
    ),
    _Row(
        "fashion-mnist",
        lambda found: found.name == "fashion-mnist" and found.size == 28,
        "it is made for this data set",
        "mnist, the same with a momentum,",
    ),
    _Row(
        "mnist",
        lambda found: found.channels == 1 and found.size <= 28,
        "a small DCGAN is enough for grey images of this size",
        "fashion-mnist, the same without momentum, and sngan-cnn",
    ),
    _Row(
        "sngan-cnn",
        lambda found: True,
        "the best score for its time that was published at this size",
        "cifar10, a plain DCGAN, or sngan-resnet and r3gan-small, better and many times as long,",
    ),
)


def preset_for(found: Found) -> Chosen:
    """Return the preset for images.

    >>> preset_for(Found(images=50_000, size=32, channels=3, classes=10)).preset
    'sngan-cnn'
    >>> preset_for(Found(images=500, size=32, channels=3, classes=0)).preset
    'small-data'
    """
    row = next(row for row in _ROWS if row.takes(found))
    why, others = row.why, row.besides
    if row.preset == "small-data":
        others = f"{preset_for(found._replace(images=FEW)).preset}, as for more of them,"
        if found.images < FEWEST:
            why += f"; expect copies: nobody has published anything else with fewer than {FEWEST}"
    besides = [f"{others} would fit too."] if others else []
    if found.classes:
        besides.append("With --set task.conditional=true the generator is asked for one of the classes.")
    return Chosen(row.preset, why, " ".join(besides))

"""How pictures of any size become images of one: which size, and by what means."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from pbt_gan.errors import ConfigError
from pbt_gan.gan.data.fit import RESOLUTIONS, Fit
from pbt_gan.gan.data.pictures.picture import Picture

LARGEST_UNASKED = 64
"""A GAN of twice the side takes four times the time a step, and more steps."""

_WORDS = {"crop": "centre crop", "pad": "padded with {}", "stretch": "stretched"}
_REDUCING_GAP = 3.0  # from where on Pillow averages blocks first; below, that would be seen


def resolved(fit: Fit, sides: Sequence[tuple[int, int]]) -> Fit:
    """Decide the resolution that pictures are brought to.

    One that was asked for stays. Otherwise pictures that are squares of one size for which there is a net, up to 128
    pixels, stay as they are; of others, the largest resolution is taken that a quarter of the pictures, at most, has to
    be enlarged for, and 64 at most.

    Args:
        fit: what was asked for.
        sides: width and height of each picture, in pixels; at least one.

    Raises:
        ConfigError: there is no such resolution, or no such colour as its background.
    """
    colour(fit.background)
    if fit.resolution is not None:
        if fit.resolution not in RESOLUTIONS:
            raise ConfigError(
                f"task.resolution = {fit.resolution}: choose one of {', '.join(map(str, RESOLUTIONS))} pixels."
            )
        return fit
    width, height = sides[0]
    if width == height and has_net(width) and all(each == (width, height) for each in sides):
        return replace(fit, resolution=width)
    large_enough = sorted(map(min, sides))[len(sides) // 4]
    fitting = [side for side in RESOLUTIONS if side <= min(large_enough, LARGEST_UNASKED)]
    return replace(fit, resolution=max(fitting, default=RESOLUTIONS[0]))


def has_net(side: int) -> bool:
    """Whether there are nets for squares of so many pixels that are worth their time: 4 to 7, doubled, 128 at most.

    Examples:
        >>> [side for side in range(60) if has_net(side)]
        [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56]
    """
    return 8 <= side <= RESOLUTIONS[-1] and any(side == core << n for core in (4, 5, 6, 7) for n in range(1, 6))


def colour(background: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 … 255, of a colour as the web writes it: "#ffffff", "white", "hsl(0, 0%, 100%)".

    Raises:
        ConfigError: it is none, or it is transparent itself.
    """
    try:
        channels = ImageColor.getrgb(background)
        if len(channels) == 3:
            return channels
    except ValueError:
        pass
    raise ConfigError(
        f"task.background = {background!r} is no colour. Give one as #rrggbb, or by a name such as white or lightgray."
    )


def words(fit: Fit, sides: Sequence[tuple[int, int]]) -> str:
    """Return in words how pictures are fitted; nothing if all have that size already.

    Examples:
        >>> words(Fit(64), [(97, 412)]), words(Fit(64), [(64, 64)])
        ('centre crop, 64×64', '')
    """
    side = fit.resolution
    if all(each == (side, side) for each in sides):
        return ""
    return f"{_WORDS[fit.way].format(fit.background)}, {side}×{side}"


def enlarged(fit: Fit, sides: Sequence[tuple[int, int]]) -> int:
    """Return how many pictures are smaller than the images made of them, and so have no detail of that size."""
    side = max if fit.way == "pad" else min
    return sum(side(each) < (fit.resolution or 0) for each in sides)


def fitted(picture: Picture, fit: Fit, channels: int) -> NDArray[np.uint8]:
    """Bring a picture to one size, antialiased (Lanczos).

    Args:
        picture: grey or in colour, with or without alpha.
        fit: with a resolution R.
        channels: 1 or 3.

    Returns:
        uint8[R, R, channels].
    """
    assert fit.resolution is not None, "resolved() comes first"
    mode = "L" if channels == 1 else "RGB"
    background = ImageColor.getcolor(fit.background, mode)
    image = _opaque(picture.image, mode, background)
    side = fit.resolution
    if fit.way == "pad":
        longest = max(image.size)
        width, height = (max(1, round(length * side / longest)) for length in image.size)
        canvas = Image.new(mode, (side, side), background)
        canvas.paste(_resized(image, (width, height)), ((side - width) // 2, (side - height) // 2))
        image = canvas
    else:
        image = _resized(image.crop(_middle(image.size)) if fit.way == "crop" else image, (side, side))
    return np.array(image).reshape(side, side, channels)


def _opaque(image: Image.Image, mode: str, background: float | tuple[int, ...]) -> Image.Image:
    if not image.mode.endswith("A"):
        return image.convert(mode)
    canvas = Image.new(mode, image.size, background)
    canvas.paste(image.convert(mode), mask=image.getchannel("A"))
    return canvas


def _middle(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the largest square in the middle."""
    side = min(size)
    left, top = ((length - side) // 2 for length in size)
    return left, top, left + side, top + side


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)

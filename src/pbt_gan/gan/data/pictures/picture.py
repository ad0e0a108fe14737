"""From the bytes of a picture file to its pixels, upright and 8 bits deep."""

import io
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from pbt_gan.errors import DataError, printable
from pbt_gan.gan.data.pictures.quiet import Quiet

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What Pillow may take a file for. It goes by the content: left to itself it starts Ghostscript on PostScript."""

MOST_PIXELS = 2**26
"""Of a picture as it is decoded: 8192×8192, which takes 256 MiB. A header can announce any size."""

MOST_PASSES = 2**31
"""Pixels of a JPEG times its scans. Ten scans are usual; each is a pass over all pixels and needs but a few bytes."""

Trait = Literal["several frames", "turned", "transparent", "16 bits", "CMYK"]
"""What was done to a picture that not everybody would expect."""

_SAID: Mapping[Trait, str] = {
    "several frames": "of several frames (the first is taken)",
    "turned": "turned upright (EXIF)",
    "transparent": "transparent (laid on the background)",
    "16 bits": "in greys of 16 bits (scaled to 8)",
    "CMYK": "in CMYK (no colour profile is applied)",
}

_WHITES = (2**8 - 1, 2**12 - 1, 2**16 - 1)
"""White in 16-bit greys. What cameras of 12 bits and careless programs store in 16 would otherwise be nearly black."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes an EXIF orientation. From 5 on, width and height change places."""

_ORIENTATION = 0x0112  # the EXIF tag
_START_OF_SCAN = b"\xff\xda"  # within what a JPEG has packed, 255 is followed by 0
_LONGEST_REASON = 60  # characters

_quiet = Quiet()


class PictureError(DataError):
    """Bytes that cannot be read as a picture. The message is the reason alone, in a few words: "truncated"."""


class Header(NamedTuple):
    """What a picture says of itself before it is decoded."""

    width: int  # in pixels, upright
    height: int
    grey: bool  # whether one channel holds it


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture."""

    image: Image.Image  # of the mode L, LA, RGB or RGBA; smaller than the file's if that was asked for
    width: int  # of the file's, in pixels, upright
    height: int
    traits: frozenset[Trait]

    @property
    def grey(self) -> bool:
        """Whether one channel holds it."""
        return self.image.mode in ("L", "LA")


def header(data: bytes) -> Header:
    """Read what a picture says of itself, without decoding it.

    Raises:
        PictureError: it is none that can be read.
    """
    with _opened(data) as image:
        return Header(*_upright_size(image), _is_grey(image))


def decode(data: bytes, enough: int | None = None) -> Picture:
    """Decode a picture: its first frame, turned as its EXIF data say, with 8 bits a channel.

    Greys of 16 bits are scaled: white is 65,535, or 4,095 or 255 where no pixel is brighter. Colours of 16 bits lose
    their lower 8. CMYK becomes RGB. Colour profiles are not applied: values count as sRGB.

    Args:
        data: what is in the file.
        enough: a side in pixels that the picture will be brought to. A JPEG is then decoded at a half, a quarter or an
            eighth of its size, as long as both sides stay at least twice as large as that.

    Raises:
        PictureError: it is damaged, too large, of a format or of a kind of pixel that is not read, or ends too early.
    """
    with _opened(data) as image:
        size, is_turned = _upright_size(image), _orientation(image) in _UPRIGHT  # as far as the header says
        if image.format in ("JPEG", "MPO") and image.width * image.height * data.count(_START_OF_SCAN) > MOST_PASSES:
            raise PictureError("too many scans of too many pixels")
        is_reduced = enough is not None and image.draft(None, (2 * enough, 2 * enough)) is not None
        if image.width * image.height > MOST_PIXELS:
            raise PictureError(f"{image.width:,}×{image.height:,} pixels are too many")
        pixels = _turned(_without_idle_alpha(_eight_bits(image)), image)
        has: Mapping[Trait, bool] = {
            "several frames": _has_several_frames(image),
            "turned": is_turned or _orientation(image) in _UPRIGHT,  # Pillow has turned a TIFF by now
            "transparent": pixels.mode.endswith("A"),
            "16 bits": image.mode.startswith("I"),
            "CMYK": image.mode == "CMYK",
        }
    traits = frozenset(trait for trait, true in has.items() if true)
    return Picture(pixels, *(size if is_reduced else pixels.size), traits)


def told(counts: Mapping[Trait, int]) -> Iterator[str]:
    """Return one remark on all traits that were met, by how many pictures have them; none if there are none.

    Examples:
        >>> list(told({"turned": 3, "transparent": 1200}))
        ['pictures turned upright (EXIF): 3; transparent (laid on the background): 1,200']
    """
    met = [f"{said}: {counts[trait]:,}" for trait, said in _SAID.items() if counts.get(trait)]
    if met:
        yield f"pictures {'; '.join(met)}"


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open a picture; whatever Pillow raises within is a `PictureError`. It raises a dozen kinds on hostile files."""
    try:
        with _quiet, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            yield image
    except (PictureError, MemoryError):
        raise
    except Exception as error:
        raise PictureError(_reason(error, data)) from error


def _reason(error: Exception, data: bytes) -> str:
    said = printable(str(error))
    if not data:
        return "empty"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if "too large" in said or "Too much memory" in said:  # what a PNG has packed beside its pixels
        return "unpacks to too much"
    if isinstance(error, UnidentifiedImageError):
        begins_well = any(
            accept is not None and accept(data[:16]) for _, accept in map(Image.OPEN.__getitem__, FORMATS)
        )
        return "damaged at its beginning" if begins_well else f"not one of {', '.join(FORMATS)}"
    if isinstance(error, EOFError) or "truncated" in said.lower():
        return "truncated"
    return textwrap.shorten(f"damaged: {said}", _LONGEST_REASON, placeholder=" …") if said else "damaged"


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P":
        colours = np.array(image.getpalette() or [], np.uint8).reshape(-1, 3)
        return bool((colours == colours[:, :1]).all())
    return image.mode[0] in "1LI" and image.mode != "LAB"


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the picture in a mode of 8 bits a channel, as a copy that no file hangs on."""
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):  # nothing says which value is white
        raise PictureError("its pixels are of 32 bits or signed; convert them to 8 or 16")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.uint32)
        white = next(white for white in _WHITES if values.max() <= white)
        return Image.fromarray(((values * 255 + white // 2) // white).astype(np.uint8))
    channels = "L" if _is_grey(image) else "RGB"
    if image.has_transparency_data:
        # From a palette there is no straight way to grey with alpha.
        return image.convert("RGBA").convert("LA") if channels == "L" else image.convert("RGBA")
    return image.convert(channels)


def _without_idle_alpha(image: Image.Image) -> Image.Image:
    """Return the picture without alpha if that is 255 everywhere."""
    is_idle = image.mode.endswith("A") and image.getchannel("A").getextrema() == (255, 255)
    return image.convert(image.mode[:-1]) if is_idle else image


def _upright_size(image: Image.Image) -> tuple[int, int]:
    turns = _orientation(image) >= 5 and image.format != "TIFF"  # there, Pillow changes them itself
    return (image.height, image.width) if turns else image.size


def _turned(pixels: Image.Image, image: Image.Image) -> Image.Image:
    """Return the pixels of a loaded image upright."""
    way = _UPRIGHT.get(_orientation(image))
    return pixels if way is None else pixels.transpose(way)


def _orientation(image: Image.Image) -> int:
    """Return the orientation in EXIF data; 1, upright, where they are damaged, which hurts no pixel.

    Pillow turns a TIFF by itself when it is loaded, and forgets the tag.
    """
    has_none = image.format == "PNG" and not {"exif", "Raw profile type exif"} & image.info.keys()
    if has_none:  # or Pillow would decode it all, and look behind the pixels
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return orientation if orientation in _UPRIGHT else 1


def _has_several_frames(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))  # looks as far as the second frame, at most
    except Exception:
        return True  # there is one, and it is damaged

"""Picture files for tests, made in memory."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NOISE: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
"""30 pixels wide, 20 high."""


def encoded(pixels: NDArray[Any], kind: str = "PNG", mode: str | None = None, **how: Any) -> bytes:
    """Write pixels as a file of a format that Pillow knows, converted to a mode first."""
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(file, kind, **how)
    return file.getvalue()


def frames(kind: str, count: int = 3) -> bytes:
    """Write an animation or a document of several pages; each frame has one value, 100, 101, …"""
    first, *others = (Image.new("L", (9, 9), 100 + n).convert("RGB") for n in range(count))
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=others, lossless=True)
    return file.getvalue()

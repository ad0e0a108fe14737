"""Grids of samples as PNG files, by member and interval, always from the same latents."""

import importlib.util
import io
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from pbt_gan import files
from pbt_gan.core.records import Record, Report
from pbt_gan.interfaces import Images, RunContext

TILE = 40
"""Images are enlarged by a whole factor until they are at least this many pixels high; 8×8 ones become 40×40."""

_SAMPLES = re.compile(r"m\d{2,}-i\d{4,}\.png")  # what `sample_path` calls them
_MOST_BYTES = 1 << 26  # of a file of samples that is cut up again
_GAP = 2
_LONGEST_LABEL = 24  # characters
_LAYOUT = "pbt-gan:layout"  # the PNG's own text field that tells how to cut it up again


def sample_path(folder: Path, member: int, interval: int) -> Path:
    """Return where a run keeps the samples of a member after an interval."""
    return folder / "samples" / f"m{member:02d}-i{interval:04d}.png"


def reals_path(folder: Path) -> Path:
    """Return where a run keeps its grid of real images."""
    return folder / "samples" / "reals.png"


def grid(images: Images, columns: int | None = None) -> bytes:
    """Lay images out on a grid, enlarged without smoothing.

    Args:
        images: uint8[N, H, W, C], with C 1 or 3 and N at least 1.
        columns: images in a row; None: so many that the grid is about as wide as high.

    Returns:
        The PNG's bytes; `tiles` cuts it up again.
    """
    count, height, width, channels = images.shape
    scale = enlargement(height, TILE)
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    tile = (height * scale, width * scale)
    large = images.repeat(scale, axis=1).repeat(scale, axis=2)
    canvas = np.full((rows * (tile[0] + _GAP) + _GAP, columns * (tile[1] + _GAP) + _GAP, channels), 255, np.uint8)
    for index, image in enumerate(large):
        top, left = (_GAP + place * (size + _GAP) for place, size in zip(divmod(index, columns), tile, strict=True))
        canvas[top : top + tile[0], left : left + tile[1]] = image
    layout = PngInfo()
    layout.add_text(_LAYOUT, json.dumps({"count": count, "columns": columns, "tile": tile}))
    return _png(canvas, pnginfo=layout, compress_level=1)


def sheet(rows: Mapping[str, Images]) -> bytes:
    """Lay images out in rows, each behind its label, enlarged as in `grid`; return the PNG's bytes.

    Args:
        rows: uint8[N, H, W, C] by label, all of one size, and not all empty; N may differ, and be 0. Of a long label
            the beginning is shown.
    """
    _, height, width, channels = next(iter(rows.values())).shape
    scale = enlargement(height, TILE)
    tile, longest = (height * scale, width * scale), max(map(len, rows.values()))
    font = _font(max(10, min(tile[0] // 2, 16)))
    labels = [label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…" for label in rows]
    margin = math.ceil(max(map(font.getlength, labels))) + 3 * _GAP
    size = margin + longest * (tile[1] + _GAP) + _GAP, len(rows) * (tile[0] + _GAP) + _GAP
    canvas = Image.new("L" if channels == 1 else "RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    for row, (label, images) in enumerate(zip(labels, rows.values(), strict=True)):
        top = _GAP + row * (tile[0] + _GAP)
        pen.text((_GAP, top + tile[0] / 2), label, "black", font, anchor="lm")
        for column, image in enumerate(images):
            large = Image.fromarray(image[..., 0] if channels == 1 else image).resize(
                tile[::-1], Image.Resampling.NEAREST
            )
            canvas.paste(large, (margin + column * (tile[1] + _GAP) + _GAP, top))
    return _png(np.asarray(canvas).reshape(size[1], size[0], channels))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Matplotlib: Pillow's own has no letter with an accent."""
    spec = importlib.util.find_spec("matplotlib")  # found, not imported, which takes a second
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, size) if path.is_file() else ImageFont.load_default(size)


def picture(image: NDArray[np.uint8]) -> bytes:
    """Return an image [H, W, C] as it is, as the bytes of a PNG."""
    return _png(image)


def enlargement(height: int, least: int) -> int:
    """Return the whole factor by which images of a height get at least another one, in pixels."""
    return max(1, math.ceil(least / height))


def _png(image: NDArray[np.uint8], **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(buffer, "png", **options)
    return buffer.getvalue()


def tiles(path: Path, count: int) -> list[NDArray[np.uint8]]:
    """Cut the first images out of a grid's file: uint8[h, w] or uint8[h, w, 3] each, enlarged as they are there."""
    with Image.open(io.BytesIO(files.content(path, _MOST_BYTES)), formats=["PNG"]) as image:
        layout = json.loads(image.info[_LAYOUT])
        canvas = np.asarray(image)
    height, width = layout["tile"]
    places = (divmod(index, layout["columns"]) for index in range(min(count, layout["count"])))
    corners = ((_GAP + row * (height + _GAP), _GAP + column * (width + _GAP)) for row, column in places)
    return [canvas[top : top + height, left : left + width] for top, left in corners]


class SampleGrids:
    """Writes a grid of samples for every report, and one of real images, into RUN/samples."""

    def start(self, context: RunContext) -> None:
        """Write the real images, and remove the samples of reports that a resume has cancelled."""
        assert context.folder is not None
        self._folder = context.folder
        known = {sample_path(self._folder, r.member, r.interval) for r in context.records if isinstance(r, Report)}
        for path in files.own(self._folder / "samples", _SAMPLES):
            if path not in known:
                files.remove(path)
        if context.reals is not None:
            _write(reals_path(self._folder), context.reals)

    def record(self, record: Record, preview: Images | None) -> None:
        """Write a report's preview."""
        if isinstance(record, Report) and preview is not None:
            _write(sample_path(self._folder, record.member, record.interval), preview)

    def flush(self) -> None:
        """Do nothing: each grid is written at once."""

    def close(self, ending: str) -> None:
        """Do nothing: each grid is written at once."""


def _write(path: Path, images: Images) -> None:
    files.make_folder(path.parent)
    files.write(path, grid(images), durable=False)

"""Grids of samples as PNG files, by member and interval, always from the same latents."""

import io
import json
import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pbt_gan import files
from pbt_gan.core.records import Record, Report
from pbt_gan.interfaces import Images, RunContext

TILE = 40
"""Images are enlarged by a whole factor until they are at least this many pixels high; 8×8 ones become 40×40."""

_SAMPLES = re.compile(r"m\d{2,}-i\d{4,}\.png")  # what `sample_path` calls them
_GAP = 2
_LAYOUT = "pbt-gan:layout"  # the PNG's own text field that tells how to cut it up again


def sample_path(folder: Path, member: int, interval: int) -> Path:
    """Return where a run keeps the samples of a member after an interval."""
    return folder / "samples" / f"m{member:02d}-i{interval:04d}.png"


def reals_path(folder: Path) -> Path:
    """Return where a run keeps its grid of real images."""
    return folder / "samples" / "reals.png"


def grid(images: Images) -> bytes:
    """Lay images out on a grid about as wide as high, enlarged without smoothing.

    Args:
        images: uint8[N, H, W, C], with C 1 or 3 and N at least 1.

    Returns:
        The PNG's bytes; `tiles` cuts it up again.
    """
    count, height, width, channels = images.shape
    scale = max(1, math.ceil(TILE / height))
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    tile = (height * scale, width * scale)
    large = images.repeat(scale, axis=1).repeat(scale, axis=2)
    canvas = np.full((rows * (tile[0] + _GAP) + _GAP, columns * (tile[1] + _GAP) + _GAP, channels), 255, np.uint8)
    for index, image in enumerate(large):
        top, left = (_GAP + place * (size + _GAP) for place, size in zip(divmod(index, columns), tile, strict=True))
        canvas[top : top + tile[0], left : left + tile[1]] = image
    layout = PngInfo()
    layout.add_text(_LAYOUT, json.dumps({"count": count, "columns": columns, "tile": tile}))
    buffer = io.BytesIO()
    Image.fromarray(canvas[..., 0] if channels == 1 else canvas).save(buffer, "png", pnginfo=layout, compress_level=1)
    return buffer.getvalue()


def tiles(path: Path, count: int) -> list[NDArray[np.uint8]]:
    """Cut the first images out of a grid's file: uint8[h, w] or uint8[h, w, 3] each, enlarged as they are there."""
    with Image.open(path, formats=["PNG"]) as image:
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

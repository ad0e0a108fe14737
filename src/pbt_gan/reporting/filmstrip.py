"""The winner's ancestry as a film strip: the same latents at every interval, whoever trained it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan.core.lineage import History, Segment
from pbt_gan.reporting.canvas import FAINT, INK, VERMILION, png
from pbt_gan.reporting.images import reals_path, sample_path, tiles
from pbt_gan.reporting.text import member_name, number

FRAMES = 12
"""How many intervals are shown at most; of more, evenly spread ones with the first and the last."""

LATENTS = 6
"""How many images a frame shows."""

_GAP = 4  # pixels between two columns
_WIDTH = 12.5  # inches of a strip of eight columns or more
_ABOVE, _LINE, _NEAR = 0.45, 0.14, 0.06  # inches: above the pictures, a line below them, and between them and captions


def filmstrip(history: History, folder: Path) -> bytes | None:
    """Draw a column of samples for each interval of the best member's ancestry, and one of real images.

    Args:
        history: the run's.
        folder: the run's folder, where `samples/` lies.

    Returns:
        The PNG, or None where there is no finite score or no samples are kept.
    """
    if history.best is None:
        return None
    ancestry = history.ancestry(history.best.member, history.best.interval)
    seen = [segment for segment in ancestry if sample_path(folder, segment.member, segment.interval).exists()]
    if not seen:
        return None
    chosen = [seen[index] for index in np.unique(np.linspace(0, len(seen) - 1, FRAMES).round().astype(int))]
    frames = [_Frame.of(folder, segment, before) for before, segment in zip([chosen[0], *chosen], chosen, strict=False)]
    if (reals := reals_path(folder)).exists():
        frames.append(_Frame(_stack(reals), "real\nimages", "", FAINT))
    pictures = [frame.picture for frame in frames]
    height, width = max(len(picture) for picture in pictures), pictures[0].shape[1]
    scale = _WIDTH / max(len(frames), 8) / (width + _GAP)  # inches a pixel
    inside = scale * (len(frames) * (width + _GAP)), scale * height
    below = _LINE * (max(frame.below.count("\n") for frame in frames) + 1) + 2 * _NEAR
    whole = inside[0], inside[1] + _ABOVE + below

    def draw(figure: Any) -> None:
        # One picture for all columns: axes of their own would each take as long as a whole plot.
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, below / whole[1], 1, inside[1] / whole[1]))
        axes.axis("off")
        axes.imshow(
            _side_by_side(pictures, height), cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto"
        )
        for place, frame in enumerate(frames):
            middle = (place + 0.5) * (width + _GAP) - 0.5
            bold = {"fontsize": 9, "fontweight": "bold", "color": frame.color}
            axes.text(middle, -0.5 - _NEAR / scale, frame.above, ha="center", va="bottom", **bold)
            axes.text(middle, height - 0.5 + _NEAR / scale, frame.below, ha="center", va="top", fontsize=8)

    return png(draw, *whole)


class _Frame(NamedTuple):
    """A column of the strip."""

    picture: NDArray[np.uint8]  # [H, W] or [H, W, 3]
    above: str
    below: str
    color: str

    @classmethod
    def of(cls, folder: Path, segment: Segment, before: Segment) -> "_Frame":
        values = "\n".join(f"{name} {number(value)}" for name, value in sorted(segment.hyperparams.items())[:3])
        return cls(
            _stack(sample_path(folder, segment.member, segment.interval)),
            f"step {segment.end_step:,}\n{member_name(segment.member)}",
            f"score {segment.score:.2f}\n{values}",
            VERMILION if segment.member != before.member else INK,
        )


def _stack(path: Path) -> NDArray[np.uint8]:
    images = tiles(path, LATENTS)
    edge = [(0, 3), (0, 0), (0, 0)][: images[0].ndim]
    return np.concatenate([np.pad(image, edge, constant_values=255) for image in images])[:-3]


def _side_by_side(pictures: Sequence[NDArray[np.uint8]], height: int) -> NDArray[np.uint8]:
    """Lay pictures beside each other on white, with half a gap on both sides of each."""
    edges = ((_GAP // 2, _GAP - _GAP // 2), (0, 0))
    return np.concatenate(
        [
            np.pad(picture, [(0, height - len(picture)), *edges][: picture.ndim], constant_values=255)
            for picture in pictures
        ],
        axis=1,
    )

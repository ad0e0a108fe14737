"""The winner's ancestry as a film strip: the same latents at every interval, whoever trained it."""

from pathlib import Path
from typing import Any

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
    reals = reals_path(folder)
    columns = [(_stack(sample_path(folder, s.member, s.interval)), _caption(s), s.member) for s in chosen]

    def draw(figure: Any) -> None:
        panels = figure.subplots(1, len(columns) + reals.exists(), squeeze=False)[0]
        before = columns[0][2]
        for axes, (frame, (above, below), member) in zip(panels, columns, strict=False):
            _frame(axes, frame, above, below, VERMILION if member != before else INK)
            before = member
        if reals.exists():
            _frame(panels[-1], _stack(reals), "real\nimages", "", FAINT)

    height, width = columns[0][0].shape[:2]
    column_width = 12.5 / max(len(columns) + 1, 8)
    return png(draw, column_width * (len(columns) + reals.exists()), column_width * height / width + 1.3)


def _stack(path: Path) -> NDArray[np.uint8]:
    images = tiles(path, LATENTS)
    edge = [(0, 3), (0, 0), (0, 0)][: images[0].ndim]
    return np.concatenate([np.pad(image, edge, constant_values=255) for image in images])[:-3]


def _caption(segment: Segment) -> tuple[str, str]:
    values = "\n".join(f"{name} {number(value)}" for name, value in sorted(segment.hyperparams.items())[:3])
    return f"step {segment.end_step:,}\n{member_name(segment.member)}", f"score {segment.score:.2f}\n{values}"


def _frame(axes: Any, frame: NDArray[np.uint8], above: str, below: str, color: str) -> None:
    axes.imshow(frame, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(above, fontsize=9, color=color, loc="center")
    axes.set_xlabel(below, fontsize=8, color=INK)

"""The film of figure 2: populations of each size on their way over the landscape."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbt_gan.interfaces import Images
from pbt_gan.reporting.canvas import BLUE, VERMILION, frames
from pbt_gan.studies.figure2_picture import contours
from pbt_gan.studies.toy import Repeat, Setting, theta

_EACH = 2
"""How often a frame is repeated: one every eighth of a second can be followed by eye."""

_HOLD = 16
"""Frames that the end stands still."""


def film(setting: Setting, sizes: Mapping[int, Sequence[Repeat]]) -> Images:
    """Draw where members are after each score, those of the first seed; uint8[N, H, W, 3].

    Blue: members, pale where they have been. Orange: whoever made the best score so far, when it did.
    """
    found = {size: repeats[0] for size, repeats in sizes.items()}

    def draw(figure: Any) -> Iterator[Sequence[Any]]:
        panels = figure.subplots(2, math.ceil(len(found) / 2), sharex=True, sharey=True, squeeze=False).flat
        walks, dots = [], []
        for axes, (size, repeat) in zip(panels, found.items(), strict=False):
            contours(axes, setting)
            axes.set_title(f"{size} member{'s' * (size > 1)}")
            walks.append(_walk(setting, repeat))
            for area, color, alpha in ((5, BLUE, 0.25), (24, BLUE, 0.9), (40, VERMILION, 1.0)):
                dots.append(axes.scatter([], [], s=area, color=color, alpha=alpha, linewidths=0, animated=True))
        for axes in panels:
            axes.set_visible(False)
        for frame in range(len(walks[0][0])):
            places = ((way[:frame].reshape(-1, 2), way[frame], best[frame]) for way, best in walks)
            for artist, place in zip(dots, (place for three in places for place in three), strict=True):
                artist.set_offsets(place)
            yield dots

    drawn = frames(draw, 8.4, 5.6)
    return drawn.repeat([_EACH] * (len(drawn) - 1) + [_HOLD], axis=0)


def _walk(setting: Setting, repeat: Repeat) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where members are at the start and after each score, [N, P, 2], and where the best so far was, [N, 2]."""
    members = list(repeat.history.by_member.values())
    begin = [*setting.landscape.start]
    ways, best = [[begin] * len(members)], [begin]
    reached = -math.inf
    for reports in zip(*members, strict=True):
        ways.append([theta(report) for report in reports])
        leader = max(reports, key=lambda report: report.score if math.isfinite(report.score) else -math.inf)
        best.append(theta(leader) if leader.score > reached else best[-1])
        reached = max(reached, leader.score)
    return np.array(ways), np.array(best)

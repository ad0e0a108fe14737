"""The plot of an experiment: what each arm reached for its cost, and what the held-out metric says of every run."""

from collections.abc import Mapping, Sequence
from itertools import cycle, product
from typing import Any

import numpy as np

from pbt_gan.reporting.canvas import COLORS, FAINT, INK, png, thousands
from pbt_gan.studies.experiment.plan import Unit
from pbt_gan.studies.experiment.progress import Curve, progress
from pbt_gan.studies.experiment.result import Result
from pbt_gan.studies.experiment.sheets import title

_LABELS: Mapping[Unit, str] = {
    "images": "images seen by all members together",
    "steps": "steps of all members together",
    "device_s": "device seconds of all members together",
}
_POINTS = 200
_SIDE_BY_SIDE, _SLANTED = 3, 8  # more names than these do not fit beside each other, or slanted


def picture(result: Result) -> bytes:
    """Draw an experiment as a PNG."""
    looks = dict(zip(result.arms, cycle(product(("solid", "dashed", "dotted"), COLORS)), strict=False))
    unit = result.unit

    def draw(figure: Any) -> None:
        best, median, dots = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
        for axes, kind, above in ((best, "best", "Best member so far"), (median, "median", "Median member")):
            for arm in result.arms:
                runs = [progress(result.timelines[arm, seed], unit) for seed in result.seeds]
                _band(axes, runs, kind, arm, *looks[arm])
            axes.set(title=above, xlabel=_LABELS[unit])
            thousands(axes.xaxis)
        best.set_ylabel("selection score (higher is better)")
        _dots(dots, result, {arm: color for arm, (_, color) in looks.items()})
        handles, labels = best.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5))

    return png(draw, 13.5, 4.9)


def _band(axes: Any, runs: Sequence[Mapping[str, Curve]], kind: str, arm: str, line: str, color: str) -> None:
    """Draw the median of the runs of an arm, and their range as a band."""
    x = np.linspace(max(run["cost"][0] for run in runs), min(run["cost"][-1] for run in runs), _POINTS)
    values = np.array([np.interp(x, run["cost"], run[kind]) for run in runs])
    axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=color, alpha=0.13, linewidth=0)
    axes.plot(x, np.median(values, axis=0), color=color, linestyle=line, linewidth=2.2, label=arm)


def _dots(axes: Any, result: Result, colors: Mapping[str, str]) -> None:
    """Draw every run as a dot, the runs of a seed joined by a line, and the mean of each arm as a bar.

    A run that has no such figure, or no finite one, has no dot.
    """
    figure = result.judged
    of_arms = result.outcomes.values()
    values = np.array([[run.figures.get(figure, np.nan) for run in runs] for runs in of_arms])  # [arms, seeds]
    places = np.arange(len(values))
    axes.plot(places, values, color=FAINT, linewidth=0.7, alpha=0.6, zorder=1)
    for place, arm in zip(places, result.arms, strict=True):
        axes.scatter([place] * values.shape[1], values[place], s=26, color=colors[arm], zorder=3)
        measured = values[place][np.isfinite(values[place])]
        if len(measured):
            axes.hlines(measured.mean(), place - 0.24, place + 0.24, color=INK, linewidth=2.2, zorder=4)
    axes.set(title=f"{title(figure, result.cards)}, every seed", xlim=(-0.5, len(values) - 0.5))
    crowded, steep = len(places) > _SIDE_BY_SIDE, len(places) > _SLANTED
    axes.set_xticks(
        places,
        result.arms,
        fontsize=8,
        rotation=60 if steep else 30 * crowded,
        ha="right" if crowded else "center",
        rotation_mode="anchor",
    )
    axes.grid(axis="x", visible=False)

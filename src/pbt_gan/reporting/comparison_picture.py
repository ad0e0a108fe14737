"""Ways of searching side by side: the best and the median member, at equal steps and at equal cost."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbt_gan.core.lineage import History
from pbt_gan.reporting.canvas import COLORS, png, thousands
from pbt_gan.reporting.plots import STEPS
from pbt_gan.reporting.table import quantile

Curve = NDArray[np.float64]


def comparison(arms: Mapping[str, Sequence[History]]) -> bytes:
    """Draw how each arm's best and median member fare; a row by steps, a row by cost.

    Args:
        arms: the runs of each arm, one a seed. Several runs: their median in bold and their range as a band. A single
            run: the band around its median member holds the middle half of its members.
    """
    measured = {name: [curves(h) for h in histories if h.reports] for name, histories in arms.items()}
    shown = {name: runs for name, runs in measured.items() if runs}

    def draw(figure: Any) -> None:
        panels = figure.subplots(2, 2, sharey="col", sharex="row")
        for column, (kind, title) in enumerate((("best", "Best member so far"), ("median", "Median member"))):
            for row, (clock, label) in enumerate((("steps", STEPS), ("cost", "cost, device seconds"))):
                axes = panels[row][column]
                for (name, runs), color in zip(shown.items(), cycle(COLORS), strict=False):
                    _draw_arm(axes, runs, clock, kind, name, color)
                axes.set(title=title if row == 0 else None, xlabel=label)
                thousands(axes.xaxis)
        for row in panels:
            row[0].set_ylabel("score (higher is better)")
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1))

    return png(draw, 11, 7.6)


def _draw_arm(axes: Any, runs: Sequence[Mapping[str, Curve]], clock: str, kind: str, name: str, color: str) -> None:
    if len(runs) == 1:
        x, middle = runs[0][clock], runs[0][kind]
        low, high = (runs[0]["lower"], runs[0]["upper"]) if kind == "median" else (middle, middle)
        name += " (band: middle half of the members)"
    else:
        # Runs differ in cost, and may differ in length: read all at the same places, as far as the shortest goes.
        x = np.linspace(max(run[clock][0] for run in runs), min(run[clock][-1] for run in runs), 200)
        lines = np.array([np.interp(x, run[clock], run[kind]) for run in runs])
        low, middle, high = lines.min(axis=0), np.median(lines, axis=0), lines.max(axis=0)
        name += f" (median and range of {len(runs)} runs)"
    axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(x, middle, color=color, linewidth=2.4, label=name)


def curves(history: History) -> dict[str, Curve]:
    """Return what one run reached after each interval: its clocks, best so far, median and quartiles."""
    by_interval: dict[int, list[Any]] = {}
    for report in history.reports:
        by_interval.setdefault(report.interval, []).append(report)
    table: dict[str, list[float]] = {name: [] for name in ("steps", "cost", "best", "median", "lower", "upper")}
    best, cost_s = math.nan, 0.0
    for _, reports in sorted(by_interval.items()):
        values = [report.score for report in reports]
        top = quantile(values, 1)
        if top > best or math.isnan(best):
            best = top
        cost_s += sum(report.cost_s for report in reports)
        table["steps"].append(max(report.trained_steps for report in reports))
        table["cost"].append(cost_s)
        table["best"].append(best)
        for name, share in (("lower", 0.25), ("median", 0.5), ("upper", 0.75)):
            table[name].append(quantile(values, share))
    return {name: np.array(column) for name, column in table.items()}

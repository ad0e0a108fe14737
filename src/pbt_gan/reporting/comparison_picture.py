"""Ways of searching side by side: best and median member, at equal steps of all members and at equal cost."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbt_gan.core.lineage import History
from pbt_gan.core.records import Report
from pbt_gan.reporting.canvas import COLORS, png, thousands
from pbt_gan.reporting.table import quantile

Curve = NDArray[np.float64]

MEMBER_STEPS = "steps of all members"


def comparison(arms: Mapping[str, Sequence[History]]) -> bytes:
    """Draw how each arm's best and median member fare; a row by steps of all members together, a row by cost.

    Populations of any size, which shrink or grow, stand beside each other so. The median is that of the living.

    Args:
        arms: the runs of each arm, one a seed. Several runs: their median in bold and their range as a band. A single
            run: the band around its median member holds the middle half of its members.
    """
    measured = {name: [curves(h) for h in histories if h.reports] for name, histories in arms.items()}
    shown = {name: runs for name, runs in measured.items() if runs}

    def draw(figure: Any) -> None:
        panels = figure.subplots(2, 2, sharey="col", sharex="row")
        for column, (kind, title) in enumerate((("best", "Best member so far"), ("median", "Median member"))):
            for row, (clock, label) in enumerate((("steps", MEMBER_STEPS), ("cost", "cost, device seconds"))):
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
    """Return what one run reached after each round of its members: its clocks, best so far, median and quartiles."""
    table: dict[str, list[float]] = {name: [] for name in ("steps", "cost", "best", "median", "lower", "upper")}
    living: dict[int, float] = {}  # their latest scores
    best, cost_s, steps = math.nan, 0.0, 0
    for reports in _rounds(history.in_time):
        for report in reports:
            living[report.member] = report.score
            steps += history.steps_of(report)
            cost_s += report.cost_s
        top = quantile([report.score for report in reports], 1)
        if top > best or math.isnan(best):
            best = top
        table["steps"].append(steps)
        table["cost"].append(cost_s)
        table["best"].append(best)
        for name, share in (("lower", 0.25), ("median", 0.5), ("upper", 0.75)):
            table[name].append(quantile(living.values(), share))
        for report in reports:
            if report is history.last[report.member] and report.member in history.retirements:
                del living[report.member]
    return {name: np.array(column) for name, column in table.items()}


def _rounds(reports: Sequence[Report]) -> Iterator[Sequence[Report]]:
    """Cut reports, as they came, wherever a member has its second one."""
    found: dict[int, Report] = {}
    for report in reports:
        if report.member in found:
            yield [*found.values()]
            found = {}
        found[report.member] = report
    if found:
        yield [*found.values()]

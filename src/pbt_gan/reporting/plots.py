"""The plots of one run: scores, schedules and the family tree. The winner's ancestry has the same colour in all."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbt_gan.core.lineage import History
from pbt_gan.core.population import RankKey, Value, rank_key
from pbt_gan.core.records import Report
from pbt_gan.reporting.canvas import GREY, INK, VERMILION, png, powers_of_ten, shades, thousands
from pbt_gan.reporting.text import member_name

STEPS = "steps (place in the plan)"

SMOOTHING = 0.6
"""Weight of the past in the smoothed curves, an exponential moving average without its start-up bias."""

_WINNER = {"color": VERMILION, "linewidth": 2.4, "zorder": 5}

_END: dict[str, Any] = {"marker": "o", "markersize": 5, "markeredgecolor": INK, "linestyle": ""}
"""Where a member retired: a dot with a dark edge."""


def scores(history: History, baseline: History | None = None, *, called: str = "baseline") -> bytes:
    """Draw score against steps for every member, raw and smoothed, with another run in grey, called so in the legend.

    A line ends where its member retired; that of one who was born of another begins there.
    """

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, smooth, title in ((left, False, "Score as measured"), (right, True, "Score, smoothed")):
            if baseline is not None:
                for reports in baseline.by_member.values():
                    axes.plot(*_curve(reports, smooth), color=GREY, linewidth=1, zorder=1)
            for reports, shade in _by_rank(history):
                before = _of_the_parent(history, reports[0])
                places, values = _curve([*before, *reports], smooth)
                own = slice(max(len(before) - 1, 0), None)
                axes.plot(places[own], values[own], color=shade, linewidth=1.3, zorder=3)
                if reports[-1].member in history.retirements:
                    axes.plot(places[-1:], values[-1:], color=shade, zorder=6, **_END)
            axes.plot(*_curve(_winners(history), smooth), **_WINNER)
            diverged = [report.trained_steps for report in history.reports if not math.isfinite(report.score)]
            axes.plot(
                diverged, [0.02] * len(diverged), "x", color=INK, markersize=5, transform=axes.get_xaxis_transform()
            )
            axes.set(title=title, xlabel=STEPS)
            thousands(axes.xaxis)
        left.set_ylabel("score (higher is better)")
        _legend(
            figure,
            grey="" if baseline is None else called,
            diverged=bool(diverged),
            retired=bool(history.retirements),
        )

    return png(draw, 11, 4.7)


def schedules(history: History) -> bytes:
    """Draw every member's hyperparameters against steps; those that span powers of ten on a log axis."""
    names = sorted({name for report in history.reports for name in report.hyperparams})
    columns = 2 if len(names) > 1 else 1
    rows = max(math.ceil(len(names) / columns), 1)

    def draw(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        panels = figure.subplots(rows, columns, sharex=True, squeeze=False).flat
        for name, axes in zip(names, panels, strict=False):
            values = [report.hyperparams[name] for report in history.reports if name in report.hyperparams]
            numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
            if numeric:
                finite = [float(value) for value in values]
                if min(finite) > 0 and max(finite) >= 10 * min(finite):
                    powers_of_ten(axes)
                elif all(isinstance(value, int) for value in values):
                    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
            for reports, shade in _by_rank(history):
                places, levels = _held(history, name, reports, as_text=not numeric)
                axes.plot(places, levels, drawstyle="steps-pre", color=shade, linewidth=1.3, zorder=3)
                if reports[-1].member in history.retirements:
                    axes.plot(places[-1:], levels[-1:], color=shade, zorder=6, **_END)
            places, levels = _held(history, name, _winners(history), as_text=not numeric)
            axes.plot(places, levels, drawstyle="steps-pre", **_WINNER)
            axes.set(title=name, xlabel=STEPS)
            axes.tick_params(labelbottom=True)
            thousands(axes.xaxis)
        for axes in panels:
            axes.set_visible(False)
        _legend(figure, retired=bool(history.retirements))

    return png(draw, 11, 3.6 * rows + 0.7)


def lineage(history: History) -> bytes:
    """Draw the family tree: a dot a report, a line from each dot to those that went on from its weights.

    Members end in a dot with a dark edge where they retire; a branch begins at the parent with whose state it was born.
    """
    members = sorted(history.by_member)
    place = {member: index for index, member in enumerate(members)}
    ancestry = [(report.member, report.interval) for report in _winners(history)]
    chosen = set(pairwise(ancestry))
    steps = {(report.member, report.interval): report.trained_steps for report in history.reports}
    leaves = {history.last[member].checkpoint for member in history.retirements if member in history.last}

    def draw(figure: Any) -> None:
        from matplotlib.collections import LineCollection

        axes = figure.subplots()
        kinds: dict[str, list[Any]] = {"own": [], "copied": [], "winner": []}
        for parent, child in history.edges():
            kind = "winner" if (parent, child) in chosen else "own" if parent[0] == child[0] else "copied"
            kinds[kind].append([(steps[member, interval], place[member]) for member, interval in (parent, child)])
        size = float(np.clip(900 / max(len(members), 1), 6, 60))
        crowded = size < 25  # then the dots would hide the winner's line
        looks = {
            "own": ("#d3d8de", 1.0, 1),
            "copied": ("#5b9fd0", 0.5 if crowded else 1.0, 2),
            "winner": (VERMILION, 2.6, 6 if crowded else 4),
        }
        for kind, (color, width, order) in looks.items():
            axes.add_collection(LineCollection(kinds[kind], colors=color, linewidths=width, zorder=order))
        finite = [report for report in history.reports if math.isfinite(report.score)]
        if finite:
            values = [report.score for report in finite]
            low = float(np.quantile(values, 0.05))  # one early failure would take all colours for itself
            dots = axes.scatter(
                [report.trained_steps for report in finite],
                [place[report.member] for report in finite],
                c=values,
                vmin=low,
                cmap="viridis",
                s=size,
                zorder=5,
                edgecolors=[INK if report.checkpoint in leaves else "white" for report in finite],
                linewidths=[1.4 if report.checkpoint in leaves else 0.6 for report in finite],
            )
            bar = figure.colorbar(dots, ax=axes, pad=0.01, fraction=0.04, extend="min" if min(values) < low else None)
            bar.set_label("score (higher is better)")
            bar.outline.set_visible(False)
        lost = [report for report in history.reports if not math.isfinite(report.score)]
        axes.scatter(
            [report.trained_steps for report in lost],
            [place[report.member] for report in lost],
            marker="x",
            color=INK,
            s=size * 0.6,
            linewidths=1.2,
            zorder=5,
        )
        axes.set(xlabel=STEPS, ylabel="member", ylim=(len(members) - 0.4, -0.6))
        thousands(axes.xaxis)
        shown = members[:: max(math.ceil(len(members) / 30), 1)]
        axes.set_yticks([place[member] for member in shown], [member_name(member) for member in shown])
        axes.grid(visible=False)
        _legend(figure, lines=looks, diverged=bool(lost), retired=bool(leaves))

    return png(draw, 11, float(np.clip(0.26 * len(members) + 1.6, 3, 11)))


def _winners(history: History) -> list[Report]:
    """Return the reports of the best member's ancestry, oldest first."""
    if history.best is None:
        return []
    reports = {(report.member, report.interval): report for report in history.reports}
    ancestry = history.ancestry(history.best.member, history.best.interval)
    return [reports[segment.member, segment.interval] for segment in ancestry]


def _by_rank(history: History) -> list[tuple[Sequence[Report], Any]]:
    """Return each member's reports with its colour: those that left first, then the one that ends worst."""

    def standing(reports: Sequence[Report]) -> tuple[float, RankKey]:
        last = reports[-1]
        lasted = last.trained_steps if last.member in history.retirements else math.inf
        return lasted, rank_key(last.score, last.member)

    ranked = sorted((reports for reports in history.by_member.values() if reports), key=standing)
    return list(zip(ranked, shades(len(ranked)), strict=True))


def smoothed(values: Sequence[float]) -> NDArray[np.float64]:
    """Return the exponential moving average of a curve; nan leaves a gap and is not averaged in."""
    result = np.full(len(values), np.nan)
    total = weight = 0.0
    for index, value in enumerate(values):
        if math.isfinite(value):
            total = SMOOTHING * total + value
            weight = SMOOTHING * weight + 1
            result[index] = total / weight
    return result


def _curve(reports: Sequence[Report], smooth: bool) -> tuple[list[int], NDArray[np.float64]]:
    values = [report.score if math.isfinite(report.score) else math.nan for report in reports]
    return [report.trained_steps for report in reports], smoothed(values) if smooth else np.array(values)


def _of_the_parent(history: History, first: Report) -> list[Report]:
    """Return the reports that led to a member's birth, if it was born with a state, oldest first."""
    if first.interval > 1 or history.parent(first.member, first.interval) is None:
        return []
    reports = {(report.member, report.interval): report for report in history.reports}
    return [reports[each.member, each.interval] for each in history.ancestry(first.member, first.interval)[:-1]]


def _held(history: History, name: str, reports: Sequence[Report], *, as_text: bool) -> tuple[list[int], list[Value]]:
    """Return a value as a staircase: each was in force from the order before, or the birth, to the end of its own."""
    held = [(r.trained_steps, r.hyperparams[name]) for r in reports if name in r.hyperparams]
    if not held:
        return [], []
    born = history.births.get(reports[0].member)
    begins = born.trained_steps if born else 0
    levels: list[Value] = [str(value) if as_text else value for _, value in held]
    return [begins, *(place for place, _ in held)], [levels[0], *levels]


def _legend(
    figure: Any,
    *,
    grey: str = "",
    diverged: bool = False,
    retired: bool = False,
    lines: dict[str, Any] | None = None,
) -> None:
    from matplotlib.lines import Line2D

    if lines:
        handles = [
            Line2D([], [], color=lines["winner"][0], linewidth=2.4, label="ancestry of the best"),
            Line2D([], [], color=lines["own"][0], linewidth=1.5, label="trains on"),
            Line2D([], [], color=lines["copied"][0], linewidth=1.5, label="goes on in another member"),
        ]
    else:
        light, middle, dark = shades(3)
        handles = [
            Line2D([], [], color=VERMILION, linewidth=2.4, label="ancestry of the best"),
            Line2D([], [], color=dark, linewidth=1.5, label="members ending high"),
            Line2D([], [], color=middle, linewidth=1.5, label="in the middle"),
            Line2D([], [], color=light, linewidth=1.5, label="low"),
        ]
    if grey:
        handles.append(Line2D([], [], color=GREY, linewidth=1.5, label=grey))
    if retired:
        handles.append(Line2D([], [], color=shades(3)[1], label="retired", **_END))
    if diverged:
        handles.append(Line2D([], [], color=INK, linestyle="", marker="x", markersize=5, label="diverged"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=9)

"""The picture of figure 2."""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from pbt_gan.reporting.canvas import COLORS, FAINT, INK, png, shades
from pbt_gan.reporting.text import number
from pbt_gan.studies.toy import NAMES, Repeat, Setting, theta


def picture(setting: Setting, arms: Mapping[str, Sequence[Repeat]], sizes: Mapping[int, Sequence[Repeat]]) -> bytes:
    """Draw the objective over steps and the paths of both members, for each arm; below, the population sizes."""

    def draw(figure: Any) -> None:
        top, bottom = figure.subfigures(2, 1, height_ratios=(1.75, 1), hspace=0.04)
        panels = top.subplots(2, len(arms), height_ratios=(1, 1.35))
        for column, (arm, repeats) in enumerate(arms.items()):
            best = median(repeat.best_q for repeat in repeats)
            panels[0][column].set_title(f"{NAMES[arm]}: best {setting.objective} {number(best)}")
            _over_steps(panels[0][column], setting, repeats[0])
            _paths(panels[1][column], setting, repeats[0])
            for row in range(2) if column else ():
                panels[row][column].tick_params(labelleft=False)
        panels[0][0].set_ylabel(setting.objective)
        panels[1][0].set_ylabel("θ₁")
        handles, labels = panels[0][0].get_legend_handles_labels()
        top.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
        _population_size(bottom, setting, sizes)
        seeds = len(next(iter(arms.values())))
        first = next(iter(arms.values()))[0].seed
        _headline(top, f"Two members, the run of seed {first}; in the titles, the median of {seeds} seeds")
        _headline(bottom, f"PBT with 1 to 32 members, medians of {seeds} seeds; the paths are those of seed {first}")

    return png(draw, 12.5, 10)


def _over_steps(axes: Any, setting: Setting, repeat: Repeat) -> None:
    for (member, reports), color in zip(repeat.history.by_member.items(), COLORS, strict=False):
        scores = [report.score if math.isfinite(report.score) else math.nan for report in reports]
        axes.plot(
            [report.trained_steps for report in reports], scores, color=color, linewidth=1.8, label=f"member {member}"
        )
    axes.axhline(setting.highest, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.set(xlabel="step", ylim=setting.range)


def _paths(axes: Any, setting: Setting, repeat: Repeat) -> None:
    contours(axes, setting)
    for (_, reports), color in zip(repeat.history.by_member.items(), COLORS, strict=False):
        points = np.array([setting.landscape.start, *map(theta, reports)])
        axes.scatter(*points.T, s=9, color=color, alpha=0.75, linewidths=0, zorder=3)
    axes.set(xlabel="θ₀")


def _population_size(figure: Any, setting: Setting, sizes: Mapping[int, Sequence[Repeat]]) -> None:
    score, loss, path = figure.subplots(1, 3)
    for (size, repeats), color in zip(sizes.items(), shades(len(sizes)), strict=True):
        look = {"color": color, "linewidth": 1.8, "label": f"{size} member{'s' * (size > 1)}"}
        steps = [report.trained_steps for report in repeats[0].leaders]
        leaders = list(zip(*(repeat.leaders for repeat in repeats), strict=True))
        reached = [np.fmax.accumulate([report.score for report in repeat.leaders]) for repeat in repeats]
        score.plot(steps, np.median(reached, axis=0), **look)
        loss.plot(steps, [median(report.metrics["loss"] for report in at) for at in leaders], **look)
        path.plot(*np.array([setting.landscape.start, *repeats[0].theta]).T, marker="o", markersize=2.5, **look)
    contours(path, setting)
    score.set(title=f"best {setting.objective} so far", xlabel="step", ylim=setting.range)
    loss.set(title="loss of the best member", xlabel="step", ylabel="loss")
    path.set(title="path of the best weights", xlabel="θ₀", ylabel="θ₁")
    handles, labels = score.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)


def _headline(figure: Any, text: str) -> None:
    figure.suptitle(text, x=0.01, ha="left", fontsize=12)


def contours(axes: Any, setting: Setting) -> None:
    """Draw the landscape in grey, the higher the lighter."""
    grid = np.stack(np.meshgrid(*(np.linspace(*ends, 200) for ends in setting.view)))
    values = setting.landscape.objective(grid).clip(*setting.range)
    axes.contourf(*grid, values, levels=14, cmap="Greys_r", alpha=0.55, zorder=0)
    axes.contour(*grid, values, levels=14, colors=[INK], linewidths=0.3, alpha=0.35, zorder=1)
    axes.set(xlim=setting.view[0], ylim=setting.view[1])
    axes.grid(visible=False)

"""How long one member gains by training on: score by steps at several settings, and where a doubling brings little.

Past saturation a longer run buys nothing, and long before it a population buys nothing. So budgets are told as shares
of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbt_gan.core.population import Hyperparams
from pbt_gan.core.records import Report
from pbt_gan.errors import ConfigError
from pbt_gan.reporting.canvas import COLORS, FAINT, png, thousands
from pbt_gan.reporting.text import number
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.sheets import Sheet

GAIN = 0.1
"""What a doubling of the steps has to bring, in the score's own unit, to be called a gain."""

BUDGETS = (0.1, 0.3, 1.0, 3.0)
"""Shares of saturation that an experiment's budgets are told as."""

_WINDOW = 2**0.25  # scores within this factor of a place are averaged: those of a place and its double never overlap
_COLUMNS = 6  # doublings in the table

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One member that trained all its steps at one setting."""

    hyperparams: Hyperparams
    steps: Curve  # float64[reports], rising
    scores: Curve  # float64[reports]; not finite: diverged

    def at(self, step: float) -> float:
        """Return the mean of the scores around a step; nan: one of them is not finite."""
        near = self.scores[(self.steps >= step / _WINDOW) & (self.steps <= step * _WINDOW)]
        # Early places may lie between two scores.
        score = near.mean() if len(near) else np.interp(math.log(step), np.log(self.steps), self.scores)
        return float(score) if math.isfinite(score) else math.nan

    @cached_property
    def places(self) -> Curve:
        """Steps at which it is read: rising by √2, the last one where a whole window still fits. float64[places]."""
        last, first = float(self.steps[-1]) / _WINDOW, float(self.steps[0])
        count = max(math.floor(2 * math.log2(last / first)) + 1, 1)
        return last / 2 ** (np.arange(count)[::-1] / 2)

    @property
    def end(self) -> float:
        """The score at the last place; nan: diverged."""
        return self.at(self.places[-1])

    def gains(self) -> list[tuple[float, float]]:
        """Return what a doubling brings, as (steps before it, gain), wherever the double was measured too."""
        return [(float(place), self.at(2 * place) - self.at(place)) for place in self.places[:-2]]

    def saturation(self, gain: float) -> float | None:
        """Return the steps from which on no doubling that was measured gains as much; None: it has not come to that.

        >>> steps = np.arange(100.0, 6_500.0, 100.0)
        >>> round(Line({}, steps, np.minimum(np.log2(steps), np.log2(1_000))).saturation(0.1))
        1345
        """
        return _first_without(self.gains(), gain)


@dataclass(frozen=True)
class Saturation:
    """Several settings, read."""

    lines: Sequence[Line]
    gain: float

    @property
    def places(self) -> Curve:
        """Steps at which all lines can be read: those of the shortest one."""
        return min((line.places for line in self.lines), key=lambda places: float(places[-1]))

    def top(self, step: float) -> float:
        """Return the score of the setting that is best after so many steps; nan: all have diverged."""
        return max((score for line in self.lines if math.isfinite(score := line.at(step))), default=math.nan)

    @cached_property
    def steps(self) -> float | None:
        """The steps from which on no doubling gains as much, each time with the setting that is best for the length.

        A setting that is good for long runs is slow in short ones, and one that is quick may fall back: each alone says
        less about what a budget buys.
        """
        gains = [(float(place), self.top(2 * place) - self.top(place)) for place in self.places[:-2]]
        return _first_without(gains, self.gain)

    @property
    def budgets(self) -> Mapping[float, int]:
        """By share of saturation, the steps; empty: there is none."""
        return {share: round(share * self.steps) for share in BUDGETS} if self.steps else {}

    @property
    def sheet(self) -> Sheet:
        """The table: a setting a row, the best first, with its scores at doublings and its saturation; then all."""
        places = self.places[::-2][:_COLUMNS][::-1]
        best_first = sorted(self.lines, key=_by_end, reverse=True)
        rows = [[_named(line), *(number(line.at(place)) for place in places), self._told(line)] for line in best_first]
        rows.append(["the best of each length", *(number(self.top(place)) for place in places), _steps(self.steps)])
        title = f"Score by steps; saturated: from where on no doubling of the steps gains {number(self.gain)}"
        return Sheet(title, ["setting", *(number(round(place)) for place in places), "saturated at"], rows)

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON values; nan and infinities are still there."""
        return {
            "gain": self.gain,
            "saturation_steps": self.steps,
            "budgets": {f"{share:g}": steps for share, steps in self.budgets.items()},
            "settings": [
                {
                    "hyperparams": dict(line.hyperparams),
                    "saturation_steps": line.saturation(self.gain),
                    "doublings": line.gains(),
                    "steps": [round(step) for step in line.steps.tolist()],
                    "scores": [round(score, 4) for score in line.scores.tolist()],
                }
                for line in self.lines
            ],
        }

    def _told(self, line: Line) -> str:
        return _steps(line.saturation(self.gain)) if math.isfinite(line.end) else "diverged"


def saturation(run: Run, gain: float = GAIN) -> Saturation:
    """Read the curves of a run whose members each train at one setting.

    Raises:
        ConfigError: a member has changed its setting or its weights, or has been measured less than three times.
    """
    lines = []
    for member, reports in run.history.by_member.items():
        changed = any(report.hyperparams != reports[0].hyperparams for report in reports)
        ahead = {report.step - report.trained_steps for report in reports}  # by what the run started from
        if changed or len(ahead) > 1:
            raise ConfigError(
                f"Member {member} of {run.folder} did not keep its setting and its weights. Train with "
                "--set pbt.exploit=none --set pbt.explore=none, and pbt.initial = [{ … }, …] for the settings."
            )
        if len(reports) > 2:
            lines.append(_line(reports))
    if not lines:
        raise ConfigError(f"No member of {run.folder} was scored three times yet.")
    return Saturation(lines, gain)


def picture(found: Saturation) -> bytes:
    """Draw every line as it was measured and smoothed, and where each is saturated, as a PNG."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        looks = cycle(product(("solid", "dashed", "dotted"), COLORS))
        for line, (style, color) in zip(found.lines, looks, strict=False):
            smooth = [line.at(step) for step in line.steps]
            axes.plot(line.steps, line.scores, color=color, linewidth=0.7, alpha=0.35)
            axes.plot(line.steps, smooth, color=color, linestyle=style, linewidth=2, label=_named(line))
            steps = line.saturation(found.gain)
            if steps is not None and math.isfinite(line.end):
                axes.plot([steps], [line.at(steps)], "o", color=color, markersize=7, zorder=5)
        axes.set_xscale("log")
        axes.set(
            title=f"Score by steps; a dot: from here on no doubling gains {number(found.gain)}",
            xlabel="steps of one member",
            ylabel="score (higher is better)",
        )
        finite = np.concatenate([line.scores[np.isfinite(line.scores)] for line in found.lines])
        if len(finite):
            # The first steps of a poor setting would press all the others together.
            axes.set_ylim(float(np.quantile(finite, 0.05)), float(finite.max()) + 0.05 * float(np.ptp(finite)))
        if found.steps is not None:
            axes.axvline(found.steps, color=FAINT, linestyle="dashed", linewidth=1, label="the best of each length")
        thousands(axes.xaxis)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)

    return png(draw, 9, 5.4)


def _line(reports: Sequence[Report]) -> Line:
    steps, scores = ([getattr(report, name) for report in reports] for name in ("step", "score"))
    return Line(reports[0].hyperparams, np.array(steps, float), np.array(scores, float))


def _first_without(gains: Sequence[tuple[float, float]], gain: float) -> float | None:
    """Return the first place from which on no doubling gains as much; None: the last one that was measured does."""
    found = None
    for place, gained in reversed(gains):
        if not gained < gain:
            break
        found = place
    return found


def _steps(steps: float | None) -> str:
    return "still gains" if steps is None else number(round(steps))


def _by_end(line: Line) -> float:
    return line.end if math.isfinite(line.end) else -math.inf


def _named(line: Line) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in sorted(line.hyperparams.items()))

"""The figures of an experiment as rows of text, the same for terminal, Markdown and page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from pbt_gan.reporting.cards import Cards, is_higher_better, short_name
from pbt_gan.reporting.text import duration, number
from pbt_gan.studies.experiment.outcome import Outcome
from pbt_gan.studies.experiment.statistics import Gain, gain, holm

ABSENT = "–"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table in text: a title, a header and rows of as many cells."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return it as a Markdown table; the first column is text, the others are numbers."""
        ruler = ["---", *["---:"] * (len(self.header) - 1)]
        lines = [self.header, ruler, *([cell.replace("|", "\\|") for cell in row] for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


Outcomes = Mapping[str, Sequence[Outcome]]
"""By arm, one a seed, in the same order of seeds."""


def gains(outcomes: Outcomes, baseline: str, cards: Cards) -> dict[str, dict[str, Gain]]:
    """Return for each figure how each other arm compares with the baseline, in the seeds of which both have it."""
    found: dict[str, dict[str, Gain]] = {}
    for figure in figures_of(outcomes):
        higher = is_higher_better(cards, metric_of(figure))
        of_arms = {}
        for arm, runs in outcomes.items():
            both = zip(_values(runs, figure), _values(outcomes[baseline], figure), strict=True)
            pairs = [(ours, theirs) for ours, theirs in both if ours is not None and theirs is not None]
            if arm != baseline and pairs:
                of_arms[arm] = gain(*zip(*pairs, strict=True), higher=higher)
        if of_arms:
            found[figure] = of_arms
    return found


def figures_of(outcomes: Outcomes) -> list[str]:
    """Return the figures that any run has: of the score that selects, then of the held-out metrics by name."""
    figures = {figure for runs in outcomes.values() for run in runs for figure in run.figures}
    return sorted(figures, key=lambda figure: (metric_of(figure), figure))


def metric_of(figure: str) -> str:
    """Return the metric that a figure of an outcome is taken from; empty: the score that selects."""
    return figure.partition(" ")[2]


def title(figure: str, cards: Cards) -> str:
    """Return a figure as a table names it."""
    kind, _, metric = figure.partition(" ")
    return f"{kind} {short_name(cards, metric)}" if metric else kind


def figures_sheet(outcomes: Outcomes, cards: Cards) -> Sheet:
    """Return the mean ± standard deviation of each figure, an arm a row, and what it cost."""
    names = figures_of(outcomes)
    titles = [
        title(name, cards) + ("" if is_higher_better(cards, metric_of(name)) else " (lower is better)")
        for name in names
    ]
    costs = ("copies", "steps", "images", "scorings")
    rows = [
        [
            arm,
            *(spread(_values(runs, name)) for name in names),
            *(number(round(fmean(getattr(run, cost) for run in runs))) for cost in costs),
            duration(fmean(run.device_s for run in runs)),
        ]
        for arm, runs in outcomes.items()
    ]
    header = ["arm", *titles, *costs, "device time"]
    return Sheet("Figures: mean ± standard deviation over the seeds; costs: mean of a run", header, rows)


def gains_sheet(found: Mapping[str, Mapping[str, Gain]], baseline: str, cards: Cards) -> Sheet:
    """Return the paired comparisons, a row for each figure and arm."""
    header = ["figure", "arm", "gain", "95 % interval", "better in", "P(better)", "p", "p (Holm)"]
    rows = []
    for figure, of_arms in found.items():
        # An arm without a p-value is a comparison all the same: left out, the others would be corrected for one less.
        adjusted = holm({arm: 1.0 if gained.p is None else gained.p for arm, gained in of_arms.items()})
        for arm, gained in of_arms.items():
            equal = f", {gained.equal} equal" if gained.equal else ""
            rows.append(
                [
                    title(figure, cards),
                    arm,
                    signed(gained.mean),
                    _low_high(gained),
                    f"{gained.better} of {gained.pairs}{equal}",
                    f"{gained.improvement:.2f}",
                    ABSENT if gained.p is None else _p_value(gained.p),
                    ABSENT if gained.p is None else _p_value(adjusted[arm]),
                ]
            )
    return Sheet(f"Against {baseline}, paired by seed; a positive gain is better", header, rows)


def overview_sheet(found: Mapping[str, Mapping[str, Mapping[str, Gain]]], figure: str, cards: Cards) -> Sheet:
    """Return an arm a row and a baseline a column: the gain in one figure, with its interval.

    Args:
        found: by baseline, figure and arm.
        figure: the one that judges.
        cards: of the metrics.
    """
    arms = dict.fromkeys(arm for of_figure in found.values() for arm in of_figure.get(figure, {}))
    rows = [[arm, *(with_interval(of_figure.get(figure, {}).get(arm)) for of_figure in found.values())] for arm in arms]
    header = ["arm", *(f"against {baseline}" for baseline in found)]
    return Sheet(f"Gain in {title(figure, cards)}, with its 95 % interval; a positive one is better", header, rows)


def seeds_sheet(outcomes: Outcomes, cards: Cards) -> Sheet:
    """Return every run in a row."""
    names = figures_of(outcomes)
    rows = [
        [f"{run.arm}, seed {run.seed}", *(spread([run.figures.get(name)]) for name in names), duration(run.device_s)]
        for runs in outcomes.values()
        for run in runs
    ]
    return Sheet("Every run", ["run", *(title(name, cards) for name in names), "device time"], rows)


def spread(values: Sequence[float | None]) -> str:
    """Write mean ± standard deviation of what was measured; of a single value the value; nan: some run had no score."""
    measured = [value for value in values if value is not None]
    if not all(map(math.isfinite, measured)):
        return number(math.nan)
    if len(measured) > 1:
        return f"{number(fmean(measured))} ± {number(stdev(measured))}"
    return number(measured[0]) if measured else ABSENT


def signed(value: float) -> str:
    """Write a difference with its sign."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def with_interval(gained: Gain | None) -> str:
    """Write a gain with its interval."""
    return ABSENT if gained is None else f"{signed(gained.mean)} ({_low_high(gained)})"


def _low_high(gained: Gain) -> str:
    return f"{signed(gained.interval[0])} … {signed(gained.interval[1])}" if gained.interval else ABSENT


def _p_value(p: float) -> str:
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"


def _values(runs: Sequence[Outcome], figure: str) -> list[float | None]:
    return [run.figures.get(figure) for run in runs]

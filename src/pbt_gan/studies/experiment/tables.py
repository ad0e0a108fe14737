"""The figures of an experiment as rows of text, the same for terminal, Markdown and page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from pbt_gan.reporting.text import duration, number
from pbt_gan.studies.experiment.outcome import Outcome
from pbt_gan.studies.experiment.statistics import Gain, gain, holm

ABSENT = "–"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: a title, a header and rows of as many cells."""

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


def gains(outcomes: Outcomes, baseline: str, better: Mapping[str, bool]) -> dict[str, dict[str, Gain]]:
    """Return for each figure how each other arm compares with the baseline."""
    base = outcomes[baseline]
    return {
        figure: {
            arm: gain(_values(runs, figure), _values(base, figure), higher=is_higher_better(figure, better))
            for arm, runs in outcomes.items()
            if arm != baseline
        }
        for figure in base[0].figures
    }


def is_higher_better(figure: str, better: Mapping[str, bool]) -> bool:
    """Whether a figure of an outcome is better when it is higher."""
    return better.get(figure.partition(" ")[2], True)


def figures_grid(outcomes: Outcomes, better: Mapping[str, bool]) -> Grid:
    """Return the mean ± standard deviation of each figure, an arm a row, and what it cost."""
    names = _figures(outcomes)
    titles = [name + ("" if is_higher_better(name, better) else " (lower is better)") for name in names]
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
    return Grid("Figures: mean ± standard deviation over the seeds; costs: mean of a run", header, rows)


def gains_grid(found: Mapping[str, Mapping[str, Gain]], baseline: str) -> Grid:
    """Return the paired comparisons, a row for each figure and arm."""
    header = ["figure", "arm", "gain", "95 % interval", "better in", "P(better)", "p", "p (Holm)"]
    rows = []
    for figure, of_arms in found.items():
        adjusted = holm({arm: gained.p for arm, gained in of_arms.items() if gained.p is not None})
        for arm, gained in of_arms.items():
            low_high = f"{signed(gained.interval[0])} … {signed(gained.interval[1])}" if gained.interval else ABSENT
            equal = f", {gained.equal} equal" if gained.equal else ""
            rows.append(
                [
                    figure,
                    arm,
                    signed(gained.mean),
                    low_high,
                    f"{gained.better} of {gained.pairs}{equal}",
                    f"{gained.improvement:.2f}",
                    ABSENT if gained.p is None else f"{gained.p:.3f}",
                    f"{adjusted[arm]:.3f}" if arm in adjusted else ABSENT,
                ]
            )
    return Grid(f"Against {baseline}, paired by seed; a positive gain is better", header, rows)


def seeds_grid(outcomes: Outcomes) -> Grid:
    """Return every run in a row."""
    names = _figures(outcomes)
    rows = [
        [f"{run.arm}, seed {run.seed}", *(number(run.figures[name]) for name in names), duration(run.device_s)]
        for runs in outcomes.values()
        for run in runs
    ]
    return Grid("Every run", ["run", *names, "device time"], rows)


def spread(values: Sequence[float]) -> str:
    """Write mean ± standard deviation; of a single value the value."""
    return f"{number(fmean(values))} ± {number(stdev(values))}" if len(values) > 1 else number(values[0])


def signed(value: float) -> str:
    """Write a difference with its sign."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def _values(runs: Sequence[Outcome], figure: str) -> list[float]:
    return [run.figures[figure] for run in runs]


def _figures(outcomes: Outcomes) -> list[str]:
    return list(next(iter(outcomes.values()))[0].figures)

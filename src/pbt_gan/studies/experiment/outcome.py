"""What one run of an experiment came to, read at a cost that all arms of its seed have reached."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pbt_gan.reporting.cards import Cards, is_held_out, is_higher_better
from pbt_gan.reporting.summary import Summary
from pbt_gan.reporting.table import quantile
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.conduct import Place
from pbt_gan.studies.experiment.plan import Unit
from pbt_gan.studies.experiment.timeline import Timeline, timeline

_TOLERANCE_S = 0.02
"""Share by which a run may exceed the equal cost in device seconds: no two measurements of time are equal."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run.

    A figure that was not measured is not there, since a task may report a metric only now and then. nan: nobody had a
    finite score.
    """

    arm: str
    seed: int
    figures: Mapping[str, float]  # best, median of the living, and of each held-out metric `best NAME`, `median NAME`
    copies: int
    steps: int  # of all members together
    images: int
    scorings: int
    device_s: float  # scoring included; not the same number if a run is done again

    @classmethod
    def of(cls, place: Place, run: Timeline, cards: Cards) -> "Outcome":
        """Sum up a run that was cut to equal cost."""
        history = run.history
        summary = Summary.of(history)
        last = [report for member, report in history.last.items() if member not in history.retirements]
        figures = {"best": summary.best, "median": quantile((report.score for report in last), 0.5)}
        for name in sorted({name for report in history.reports for name in report.metrics if is_held_out(name)}):
            if name in summary.held_out or history.best is None:
                figures[f"best {name}"] = summary.held_out.get(name, math.nan)
            measured = [report for report in last if name in report.metrics or not math.isfinite(report.score)]
            if measured:
                figures[f"median {name}"] = _median(
                    (report.metrics.get(name, math.nan) for report in measured), is_higher_better(cards, name)
                )
        return cls(
            *place,
            figures,
            summary.exploits,
            sum(run.steps()),
            summary.images,
            sum(report.measurements for report in history.reports),
            summary.cost_s,
        )


def at_equal_cost(runs: Mapping[Place, Run], unit: Unit, rounding: float = 0.0) -> dict[Place, Timeline]:
    """Return each run up to the smallest cost among the arms of its seed, in the order of time.

    Args:
        runs: finished ones by arm and seed; of each seed all arms.
        unit: what is made equal.
        rounding: the share of the budget that an arm may leave by its plan; the others need not stop short for it.
    """
    whole = {place: timeline(run.journal) for place, run in sorted(runs.items())}
    limits: dict[int, float] = {}
    for (_, seed), run in whole.items():
        limits[seed] = min(limits.get(seed, math.inf), math.fsum(costs(run, unit)))
    return {place: cut(run, unit, limits[place[1]], rounding) for place, run in whole.items()}


def counted(runs: Iterable[Run], unit: Unit) -> Unit:
    """Return the unit of cost that these runs can be compared in."""
    images = unit == "images" and all(any(report.images for report in run.history.reports) for run in runs)
    return "steps" if unit == "images" and not images else unit


def costs(run: Timeline, unit: Unit) -> Sequence[float]:
    """Return what each report has cost, in the order of time."""
    match unit:
        case "steps":
            return run.steps()
        case "images":
            return [report.images for report in run.reports]
        case "device_s":
            return [report.cost_s for report in run.reports]


def cut(run: Timeline, unit: Unit, limit: float, rounding: float = 0.0) -> Timeline:
    """Return the part of a run that a cost pays for; at least its first report."""
    share = max(rounding, _TOLERANCE_S if unit == "device_s" else 0.0)
    spent = list(accumulate(costs(run, unit)))
    return run.first(bisect_right(spent, limit / (1 - share) * (1 + 1e-9)))


def cards_of(runs: Iterable[Run]) -> Cards:
    """Return the card of every metric of some runs."""
    return {metric: card for run in runs for metric, card in run.cards.items()}


def _median(values: Iterable[float], higher: bool) -> float:
    """Return the median, where a value that is not finite is the worst."""
    return quantile(values, 0.5) if higher else -quantile((-value for value in values), 0.5)

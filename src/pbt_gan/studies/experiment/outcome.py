"""What one run of an experiment came to, read at a cost that all arms of its seed have reached."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pbt_gan.core.lineage import History
from pbt_gan.reporting.cards import Cards, is_held_out, is_higher_better
from pbt_gan.reporting.summary import Summary
from pbt_gan.reporting.table import quantile
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.conduct import Place
from pbt_gan.studies.experiment.plan import Unit

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
    figures: Mapping[str, float]  # best, median, and for each held-out metric `best NAME` and `median NAME`
    copies: int
    steps: int  # of all members together
    images: int
    scorings: int
    device_s: float  # scoring included; not the same number if a run is done again

    @classmethod
    def of(cls, place: Place, history: History, cards: Cards) -> "Outcome":
        """Sum up a history that was cut to equal cost."""
        summary = Summary.of(history)
        last = list(history.last.values())
        figures = {"best": summary.best, "median": summary.final_median}
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
            sum(step_counts(history)),
            summary.images,
            len(history.reports),
            summary.cost_s,
        )


def at_equal_cost(runs: Mapping[Place, Run], unit: Unit) -> dict[Place, History]:
    """Return each run's history up to the smallest cost among the arms of its seed.

    Args:
        runs: finished ones by arm and seed; of each seed all arms.
        unit: what is made equal.
    """
    limits: dict[int, float] = {}
    for (_, seed), run in runs.items():
        limits[seed] = min(limits.get(seed, math.inf), math.fsum(costs(run.history, unit)))
    return {place: cut(run.history, unit, limits[place[1]]) for place, run in sorted(runs.items())}


def counted(runs: Iterable[Run], unit: Unit) -> Unit:
    """Return the unit of cost that these runs can be compared in."""
    images = unit == "images" and all(any(report.images for report in run.history.reports) for run in runs)
    return "steps" if unit == "images" and not images else unit


def costs(history: History, unit: Unit) -> Sequence[float]:
    """Return what each report has cost, in the order of the reports."""
    match unit:
        case "steps":
            return step_counts(history)
        case "images":
            return [report.images for report in history.reports]
        case "device_s":
            return [report.cost_s for report in history.reports]


def step_counts(history: History) -> list[int]:
    """Return how many steps each report's order trained."""
    before: dict[int, int] = {}
    counts = []
    for report in history.reports:
        counts.append(report.trained_steps - before.get(report.member, 0))
        before[report.member] = report.trained_steps
    return counts


def cut(history: History, unit: Unit, limit: float) -> History:
    """Return the part of a history that a cost pays for; at least its first report."""
    allowed = limit * (1 + (_TOLERANCE_S if unit == "device_s" else 1e-9))
    spent, kept = 0.0, 0
    for cost in costs(history, unit):
        spent += cost
        if spent > allowed:
            break
        kept += 1
    reports = history.reports[: max(kept, 1)]
    there: set[tuple[int, int]] = {(report.member, report.interval) for report in reports}
    exploits = tuple(each for each in history.exploits if (each.recipient, each.interval + 1) in there)
    return History(history.births, tuple(reports), exploits)


def cards_of(runs: Iterable[Run]) -> Cards:
    """Return the card of every metric of some runs."""
    return {metric: card for run in runs for metric, card in run.cards.items()}


def _median(values: Iterable[float], higher: bool) -> float:
    """Return the median, where a value that is not finite is the worst."""
    return quantile(values, 0.5) if higher else -quantile((-value for value in values), 0.5)

"""Runs beside each other in numbers: best and median member, selection and held-out metrics, cost."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from rich.table import Table
from rich.text import Text

from pbt_gan.core.lineage import History
from pbt_gan.reporting.table import quantile
from pbt_gan.reporting.text import duration, number
from pbt_gan.runs.result import Run


@dataclass(frozen=True, slots=True)
class Summary:
    """One run in a row of numbers. Metrics are selection scores unless held out; nan: nobody had a finite one."""

    members: int
    best: float  # best ever
    held_out: Mapping[str, float]  # metrics of that best report which did not select it
    final_best: float  # of the members' last scores
    final_median: float  # likewise; one that diverged counts as the lowest
    exploits: int
    images: int
    cost_s: float  # device seconds, scoring included

    @classmethod
    def of(cls, history: History) -> "Summary":
        """Sum up a run."""
        finals = [report.score for report in history.last.values()]
        best = history.best
        return cls(
            members=len(history.births),
            best=best.score if best else math.nan,
            held_out={k: v for k, v in best.metrics.items() if k.startswith("held_out")} if best else {},
            final_best=history.last_best.score if history.last_best else math.nan,
            final_median=quantile(finals, 0.5),
            exploits=sum(exploit.donor is not None for exploit in history.exploits),
            images=sum(report.images for report in history.reports),
            cost_s=sum(float(report.time.get("cost_s", 0)) for report in history.reports),
        )


def summary_table(runs: Mapping[str, Run]) -> Table:
    """Return the summaries of some runs as a table, a column a run."""
    summaries = [Summary.of(run.history) for run in runs.values()]
    held_out = sorted({name for summary in summaries for name in summary.held_out})
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for name in runs:
        table.add_column(Text(name, overflow="fold"), justify="right", overflow="fold")
    rows: dict[str, Callable[[Summary], str]] = {
        "members": lambda s: number(s.members),
        "best score": lambda s: number(s.best),
        **{f"  its {key}": partial(_held_out, key) for key in held_out},
        "best of last scores": lambda s: number(s.final_best),
        "median of last scores": lambda s: number(s.final_median),
        "copies of a donor": lambda s: number(s.exploits),
        "images seen": lambda s: number(s.images),
        "device time": lambda s: duration(s.cost_s),
    }
    for title, cell in rows.items():
        table.add_row(title, *map(cell, summaries))
    return table


def _held_out(key: str, summary: Summary) -> str:
    return number(summary.held_out[key]) if key in summary.held_out else "–"

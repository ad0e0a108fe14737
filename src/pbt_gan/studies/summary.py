"""Runs beside each other in numbers."""

from collections.abc import Callable, Mapping
from functools import partial

from rich.table import Table
from rich.text import Text

from pbt_gan.reporting.summary import Summary
from pbt_gan.reporting.text import duration, number
from pbt_gan.runs.result import Run


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

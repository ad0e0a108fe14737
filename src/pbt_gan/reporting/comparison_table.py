"""Runs beside each other in numbers: a column a run, the same on the page and in a terminal."""

from collections.abc import Callable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from pbt_gan.core.lineage import History
from pbt_gan.reporting.cards import Cards, short_name
from pbt_gan.reporting.summary import Summary
from pbt_gan.reporting.text import duration, number

ABSENT = "–"


def comparison_rows(runs: Mapping[str, History], cards: Cards) -> list[Sequence[str]]:
    """Return what is compared: a title and a cell for each run.

    Args:
        runs: by the name of the column.
        cards: those of all runs together.
    """
    summaries = [Summary.of(history) for history in runs.values()]
    held_out = sorted({metric for summary in summaries for metric in summary.held_out})
    rows: dict[str, Callable[[Summary], str]] = {
        "members": lambda s: number(s.members),
        **({"of them to the end": lambda s: number(s.living)} if any(s.living < s.members for s in summaries) else {}),
        "steps of all members": lambda s: number(s.member_steps),
        "best score": lambda s: number(s.best),
        **{f"its {short_name(cards, metric)}": _held_out(metric) for metric in held_out},
        "best of last scores": lambda s: number(s.final_best),
        "median of last scores": lambda s: number(s.final_median),
        "copies of a donor": lambda s: number(s.exploits),
        **({"images seen": lambda s: number(s.images)} if any(s.images for s in summaries) else {}),
        "device time": lambda s: duration(s.cost_s),
    }
    return [[title, *map(cell, summaries)] for title, cell in rows.items()]


def render(runs: Mapping[str, History], cards: Cards) -> Table:
    """Return the comparison for a terminal."""
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for name in runs:
        table.add_column(Text(name, overflow="fold"), justify="right", overflow="fold")
    for row in comparison_rows(runs, cards):
        table.add_row(*map(Text, row))
    return table


def _held_out(metric: str) -> Callable[[Summary], str]:
    return lambda summary: number(summary.held_out[metric]) if metric in summary.held_out else ABSENT

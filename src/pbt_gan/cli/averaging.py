"""`average`: the weights of the last survivors of one line, averaged."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from pbt_gan.reporting.cards import short_name
from pbt_gan.reporting.text import number
from pbt_gan.runs.average import Average
from pbt_gan.runs.places import Moved
from pbt_gan.runs.result import Run
from pbt_gan.terminal import console


def average(folder: Path, moved: Moved, *, trust: bool) -> None:
    """Average, and print best and average side by side, and whether the average is kept."""
    run = Run.open(folder, data=moved.data, task_file=moved.task_file, trust=trust)
    made = run.average()
    out = console()
    out.print(_table(run, made))
    names = ", ".join(report.checkpoint for report in made.ingredients)
    out.print(f"{len(made.ingredients)} of {len(made.candidates)} states of one line went in: {names}", soft_wrap=True)
    if made.kept:
        out.print(f"Kept in {made.path}; its name is --member average", soft_wrap=True)
    else:
        out.print("Not kept: by the score that selects it is no better than the best alone.", soft_wrap=True)


def _table(run: Run, made: Average) -> Table:
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for name in ("best", "average"):
        table.add_column(name, justify="right")
    ranked_by = run.cards.get("score", {}).get("same_as")
    for metric in made.best:
        if metric in (ranked_by, "score_error"):  # the first row is called by the one; the other has no card
            continue
        row = (short_name(run.cards, metric), *(number(each[metric]) for each in (made.best, made.average)))
        table.add_row(*map(Text, row))
    return table

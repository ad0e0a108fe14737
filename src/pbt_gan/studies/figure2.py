"""Figure 2 of the paper: trained, drawn, and told as a table and as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from pbt_gan import files
from pbt_gan.errors import ConfigError
from pbt_gan.reporting.animation import SUFFIXES, animation, check_suffix
from pbt_gan.reporting.text import number
from pbt_gan.studies.figure2_film import film
from pbt_gan.studies.figure2_picture import picture
from pbt_gan.studies.toy import NAMES, SEEDS, SETTINGS, Repeat, four_arms, population_sizes
from pbt_gan.validation import unknown


def plain(arms: Mapping[str, Sequence[Repeat]]) -> dict[str, Any]:
    """Return the arms as JSON values."""
    return {
        "arms": [
            {"arm": arm, "seed": repeat.seed, "best_q": repeat.best_q, "theta": repeat.theta}
            for arm, repeats in arms.items()
            for repeat in repeats
        ]
    }


def figure2(task: str, out: Path, json_file: Path | None, console: Console, seeds: Sequence[int] = SEEDS) -> None:
    """Train everything, draw it as one PNG or as a film, and print a table.

    Args:
        task: a name of `SETTINGS`.
        out: where the picture goes; with a suffix of `animation.SUFFIXES`, how the members move.
        json_file: where every seed's result goes; None: nowhere.
        console: where the table goes.
        seeds: of the runs; the picture shows the path of the first.

    Raises:
        ConfigError: there is no such task, or the picture is of no kind that can be drawn.
        StorageError: a file could not be written.
    """
    if task not in SETTINGS:
        raise unknown("--task", task, SETTINGS)
    if out.suffix not in (".png", *SUFFIXES):
        raise ConfigError(f"--out {out}: name a .png file, or {' or '.join(SUFFIXES)} for how the members move.")
    check_suffix(out)
    files.make_folder(out.parent)
    with console.status("Training the four arms …") as status:
        arms = four_arms(task, seeds)
        status.update("Training populations of 1 to 32 members …")
        sizes = population_sizes(task, seeds)
        status.update("Drawing …")
        if out.suffix in SUFFIXES:
            files.write(out, animation(film(SETTINGS[task], sizes), out.suffix))
        else:
            files.write(out, picture(SETTINGS[task], arms, sizes))
    if json_file is not None:
        files.make_folder(json_file.parent)
        files.write(json_file, (json.dumps(plain(arms)) + "\n").encode())
    console.print(_table(SETTINGS[task].objective, arms, sizes))
    for path in (out, json_file):
        if path is not None:
            console.print(f"Wrote {path}", soft_wrap=True, highlight=False)


def _table(objective: str, arms: Mapping[str, Sequence[Repeat]], sizes: Mapping[int, Sequence[Repeat]]) -> Table:
    repeats = next(iter(arms.values()))
    table = Table(
        box=None, padding=(0, 2, 0, 0), title=f"Best {objective} of {len(repeats)} seeds", title_justify="left"
    )
    table.add_column("arm")
    for title in ("members", "median", "lowest", "highest"):
        table.add_column(title, justify="right")
    rows = [(NAMES[arm], 2, repeats) for arm, repeats in arms.items()]
    rows += [(NAMES["pbt"], size, repeats) for size, repeats in sizes.items()]
    for place, (name, size, repeats) in enumerate(rows):
        best = [repeat.best_q for repeat in repeats]
        values = (number(value) for value in (median(best), min(best), max(best)))
        table.add_row(name, str(size), *values, end_section=place == len(arms) - 1)
    return table

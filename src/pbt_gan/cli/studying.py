"""`demo`, `toy` and `experiment`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from pbt_gan.cli.endings import ends_by
from pbt_gan.config.durations import deadline
from pbt_gan.config.source import parse_changes
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError
from pbt_gan.runs.folder import ROOT
from pbt_gan.terminal import console

if TYPE_CHECKING:
    from pbt_gan.studies.experiment.sheets import Sheet

Change = Mapping[str, Any]

_MOST_SEEDS = 1_000


def demo(seed: int, root: Path, sets: Sequence[str]) -> None:
    """Run the demo and say what came out."""
    from pbt_gan.studies.demo import demo as run_demo
    from pbt_gan.studies.experiment import output, sheets

    out, stop = console(), Stop()
    done = run_demo(seed, root, [parse_changes(sets)], stop=stop)
    if done is None:
        with ends_by(stop.reason):
            out.print(f"Stopped ({stop.reason}). `pbt-gan demo` begins anew; what was trained so far stays in {root}.")
        return
    result = done.result
    out.print(printed(sheets.figures_sheet(result.outcomes, result.cards)))
    for arm in result.arms:
        out.print(Text(f"· {arm}: {result.experiment.arm(arm).says}.", "dim"))
    out.print(
        f"\nOne seed shows how it looks, and proves nothing. Look at {done.folder / output.PICTURE} and "
        f"{done.folder / output.PAGE}; every run has a page of its own in {done.folder / 'runs'}.",
        soft_wrap=True,
    )


def experiment(
    source: str, out: Path | None, change: Change, max_time: str | None, jobs: int, scale: float = 1.0
) -> None:
    """Carry an experiment out as far as time allows, and print and write what is finished of it."""
    from pbt_gan.reporting import brief_listeners
    from pbt_gan.studies.experiment import output
    from pbt_gan.studies.experiment.conduct import conduct
    from pbt_gan.studies.experiment.plan import read_experiment
    from pbt_gan.studies.experiment.protocol import conditions, protocol
    from pbt_gan.studies.experiment.result import Result

    screen, progress, stop = console(), console(stderr=True), Stop(deadline_s=deadline(max_time, "--max-time"))
    planned = read_experiment(source, [change], scale=scale)
    folder = out or ROOT / f"{planned.config.name}-experiment{f'-{scale:g}' if scale != 1 else ''}"
    done = conduct(planned, folder, listeners=brief_listeners, stop=stop, jobs=jobs, say=progress.print)
    result = Result.read(planned, folder)
    if result is not None:
        output.write(result, folder)
        for sheet in result.sheets:
            screen.print(printed(sheet))
        for line in (*protocol(result), *conditions(result)):
            screen.print(Text(f"· {line}", "dim"))
        screen.print(
            f"\nLook at {folder / output.PAGE}, which shows all of it; {folder / output.DATA} has the numbers."
        )
    if not done:
        with ends_by(stop.reason):
            screen.print(f"\nStopped ({stop.reason}). The same command goes on.", soft_wrap=True)


def names_of(text: str) -> list[str]:
    """Return the arms that a text such as `pbt,longer` names."""
    return [name.strip() for name in text.split(",")]


def saturation(folder: Path, gain: float, out: Path | None, json: Path | None) -> None:
    """Print the curves of a run's members as a table, and draw and write them if asked for."""
    import json as plain_json

    from pbt_gan import files
    from pbt_gan.reporting.text import number
    from pbt_gan.runs.result import Run
    from pbt_gan.store.journal import strict
    from pbt_gan.studies.saturation import picture
    from pbt_gan.studies.saturation import saturation as read

    if out is not None and out.suffix != ".png":
        raise ConfigError(f"--out {out}: the curves are drawn as a picture; name a .png file.")
    screen, found = console(), read(Run.open(folder), gain)
    if out is not None:
        files.make_folder(out.parent)
        files.write(out, picture(found))
    if json is not None:
        files.make_folder(json.parent)
        files.write(json, (plain_json.dumps(strict(found.plain()), allow_nan=False) + "\n").encode())
    screen.print(printed(found.sheet))
    if found.steps is None:
        screen.print("\nIt still gains by doubling. `pbt-gan resume RUN --steps N` trains all settings further.")
        return
    told = ", ".join(f"{share:g} × saturation: {number(steps)}" for share, steps in found.budgets.items())
    screen.print(
        f"\nSaturated at {number(round(found.steps))} steps, with the best setting of each length. {told}.",
        soft_wrap=True,
    )


def seeds_of(text: str) -> list[int]:
    """Return the seeds that a text such as `0-4` or `0,3,100-104` names.

    Raises:
        ConfigError: it is no such text.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ConfigError(f"--seeds {text}: write numbers and ranges, such as 0-4 or 0,3,100-104.")
        named = range(int(match[1]), int(match[2] or match[1]) + 1)
        if len(seeds) + len(named) > _MOST_SEEDS:
            raise ConfigError(f"--seeds {text}: name at most {_MOST_SEEDS:,}; every arm is run with each.")
        seeds += named
    return seeds


def printed(sheet: "Sheet") -> Table:
    """Return a sheet as the terminal shows it."""
    table = Table(box=None, pad_edge=False, header_style="bold", title=sheet.title, title_justify="left")
    for place, title in enumerate(sheet.header):
        table.add_column(title, justify="right" if place else "left", overflow="fold")
    for row in sheet.rows:
        table.add_row(*map(Text, row))
    return table


def toy(task: str, out: Path, json: Path | None) -> None:
    """Repeat figure 2, draw it, and print its table."""
    from pbt_gan.studies.figure2 import figure2

    figure2(task, out, json, console())

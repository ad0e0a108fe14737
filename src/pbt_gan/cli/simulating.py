"""`simulate`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pbt_gan import files
from pbt_gan.cli.endings import ends_by
from pbt_gan.cli.studying import printed
from pbt_gan.engine import Stop
from pbt_gan.store.journal import strict
from pbt_gan.terminal import console


def simulate(source: str, landscape: str, change: Mapping[str, Any], slots: int | None, out: Path | None) -> None:
    """Simulate an experiment as far as nobody stops it, and print what its arms came to."""
    from pbt_gan.studies.simulation import comparison
    from pbt_gan.studies.simulation.crowd import outcomes

    screen, stop = console(), Stop()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        bar = progress.add_task("seeds")

        def done(count: int, total: int) -> None:
            progress.update(bar, completed=count, total=total)

        trial, found = outcomes(source, change, landscape, slots, stop=stop, done=done)
    baselines = trial.experiment.baselines
    if found:
        screen.print(printed(comparison.figures_sheet(found)))
        for baseline in baselines if len(comparison.by_arm(found)) > 1 else ():
            screen.print()
            screen.print(printed(comparison.differences_sheet(found, baseline)))
        if out is not None:
            told = {
                "experiment": trial.experiment.plain(),
                "landscape": landscape,
                **comparison.plain(found, baselines),
            }
            files.make_folder(out.parent)
            files.write(out, (json.dumps(strict(told), indent=2, allow_nan=False) + "\n").encode())
    if stop.reason is not None:
        with ends_by(stop.reason):
            screen.print(f"\nStopped ({stop.reason}) after {len({run.seed for run in found})} seeds.")

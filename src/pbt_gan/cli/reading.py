"""`show`, `report`, `compare`, `sample`, `presets`: what is read from runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table

from pbt_gan import files
from pbt_gan.config.source import preset_text
from pbt_gan.config.source import presets as all_presets
from pbt_gan.errors import ConfigError
from pbt_gan.reporting.page import write_report as write_page
from pbt_gan.reporting.table import Population, render
from pbt_gan.reporting.text import member_name, number
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import read_run


def show(folder: Path, *, as_json: bool) -> None:
    """Print a run's state."""
    run = Run.open(folder)
    if as_json:
        print(json.dumps(_strict(_summary(run)), indent=2))
        return
    console = Console()
    console.print(f"[bold]{folder}[/bold]: {run.ending}", soft_wrap=True)
    console.print(table(run))


def report(folder: Path, baseline: Path | None) -> None:
    """Write the page and say where it lies."""
    Console().print(write_report(folder, baseline), soft_wrap=True)


def write_report(folder: Path, baseline: Path | None = None) -> str:
    """Write plots and page; return what to say about it."""
    page = write_page(read_run(folder), read_run(baseline) if baseline else None)
    return f"Everything is in {folder}; look at {page}"


def table(run: Run) -> RenderableType:
    """Return the population as a table, best first, and a line about the best member."""
    population = Population.of(run.records)
    return render(population.ranked())


def compare(folders: Sequence[Path], out: Path | None) -> None:
    """Print a comparison of runs, and draw it."""
    from pbt_gan.reporting.comparison import comparison
    from pbt_gan.studies.summary import summary_table

    if len(folders) < 2:
        raise ConfigError(
            "compare takes two runs or more, such as `pbt-gan compare runs/0001-digits runs/0002-digits`."
        )
    runs = {folder.name or str(folder): Run.open(folder) for folder in folders}
    console = Console()
    console.print(summary_table(runs))
    if out is not None:
        files.write(out, comparison({name: [run.history] for name, run in runs.items()}))
        console.print(f"Drawn in {out}", soft_wrap=True)


def sample(folder: Path, out: Path, count: int, member: str, seed: int) -> None:
    """Write samples of a member's generator."""
    import io

    if out.suffix not in (".png", ".npz"):
        raise ConfigError(f"--out {out}: name a .png (one grid) or a .npz (an array `images`).")
    images = Run.open(folder).sample(count, member=member, seed=seed)
    if out.suffix == ".png":
        from pbt_gan.reporting.images import grid

        data = grid(images)
    else:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, images=images)
        data = buffer.getvalue()
    files.write(out, data)
    Console().print(f"{count} images of member {member} in {out}", soft_wrap=True)


def presets(name: str | None) -> None:
    """Print one preset's file, or the list."""
    if name is not None:
        print(preset_text(name), end="")
        return
    listing = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for key, description in all_presets().items():
        listing.add_row(f"[bold]{key}[/bold]", description)
    Console().print(listing)


def _summary(run: Run) -> dict[str, Any]:
    best = run.best
    return {
        "folder": str(run.folder),
        "ending": run.ending,
        "best": None
        if best is None
        else {
            "member": best.member,
            "interval": best.interval,
            "step": best.step,
            "score": best.score,
            "metrics": dict(best.metrics),
            "hyperparams": dict(best.hyperparams),
            "schedule": [[step, dict(values)] for step, values in run.schedule()],
        },
        "members": [
            {
                "member": member,
                "trained_steps": report.trained_steps,
                "score": report.score,
                "metrics": dict(report.metrics),
                "hyperparams": dict(report.hyperparams),
            }
            for member, report in run.history.last.items()
        ],
        "config": run.config,
    }


def _strict(value: Any) -> Any:
    """JSON has no nan: such numbers become strings, as in the journal."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value

"""`show`, `report`, `compare`, `presets`, `pretrained`: what is read from runs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pbt_gan import files
from pbt_gan.config.source import preset_text
from pbt_gan.config.source import presets as all_presets
from pbt_gan.errors import ConfigError, printable
from pbt_gan.interfaces import RunContext
from pbt_gan.reporting.cards import is_held_out, short_name
from pbt_gan.reporting.divergences import divergences
from pbt_gan.reporting.divergences import told as lost
from pbt_gan.reporting.failures import failures
from pbt_gan.reporting.fallbacks import told
from pbt_gan.reporting.metrics import MetricsTable
from pbt_gan.reporting.table import Population, render
from pbt_gan.reporting.text import member_name, number, started, usage
from pbt_gan.reporting.unverified import unverified
from pbt_gan.runs.pretrained import SCHEME, card_page, is_shipped, run_place, spoken, working_copy
from pbt_gan.runs.pretrained import pretrained as all_pretrained
from pbt_gan.runs.report import write_results
from pbt_gan.runs.result import Run
from pbt_gan.store.journal import strict
from pbt_gan.store.reader import read_run
from pbt_gan.terminal import console, put

_CONTENTS = {
    "report.html": "the run on one page",
    "schedule.toml": "what the best member trained with, for pbt.schedule",
    "plots": "scores, hyperparameters, family tree",
    "samples": "images by member and interval",
    "metrics.csv": "every report, a row each",
    "tensorboard": "for tensorboard --logdir",
    "checkpoints": "weights of the last members and of the best",
    "generator.safetensors": "the best generator, in place of checkpoints",
    "average.safetensors": "the average of the last survivors of one line",
    "config.toml": "all settings",
    "journal.jsonl": "every report and decision",
    "log.txt": "what was said",
}
"""What lies in a run's folder, most wanted first."""


def show(folder: Path, *, as_json: bool) -> None:
    """Print a run's state."""
    run = Run.open(folder)
    if as_json:
        put(json.dumps(strict(_summary(run)), indent=2, allow_nan=False))
    else:
        console().print(overview(run))


def report(folder: Path, baseline: Path | None) -> None:
    """Draw the plots, write page and table, and say where they lie; of a run of the package, in a copy."""
    if is_shipped(folder):
        name, folder = spoken(folder), working_copy(folder)
        console().print(Text(f"{name} is copied to {folder}, which is yours to change.", overflow="fold"))
    view = read_run(folder)
    write_results(view, None if baseline is None else read_run(baseline))
    MetricsTable().start(RunContext(folder, view.config, view.cards, view.records, reals=None, total_orders=0))
    console().print(contents(folder))


def overview(run: Run) -> RenderableType:
    """Return how far a run is, its members as a table, and what its best one has reached."""
    total, seed = run.config["pbt"]["total_steps"], run.config["seed"]
    trained = max((report.trained_steps for report in run.history.reports), default=0)
    state = run.ending if run.ending in ("finished", "running") else f"stopped ({run.ending})"
    head = f"{spoken(run.folder)}: {state}, {number(trained)} of {number(total)} steps, seed {seed}"
    rows = Population.of(run.records()).ranked()
    doubt, failed = unverified(run.history), failures(run.records())
    return Group(
        Text(head, "bold", overflow="fold"),
        *([Text(printable(begun), overflow="fold")] if (begun := started(run.config)) else []),
        *([render(rows)] if rows else []),
        *_best(run),
        *(Text(printable(line), overflow="fold") for line in lost(divergences(run.history))),
        *([Text(doubt)] if doubt else []),
        *([Text(f"{failed}; see log.txt.")] if failed else []),
        *([Text(used)] if (used := usage(run.usage)) else []),
        *(Text(told(fallback), overflow="fold") for fallback in run.fallbacks),
        *_place(run),
    )


def contents(folder: Path) -> RenderableType:
    """Return what lies in a run's folder, and what for."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(overflow="fold")
    for name, what in _CONTENTS.items():
        path = folder / name
        if path.exists():
            table.add_row(Text(f"{path}/" if path.is_dir() else str(path)), Text(what, "dim"))
    return table


def compare(folders: Sequence[Path], out: Path | None) -> None:
    """Print a comparison of runs, and draw it."""
    from pbt_gan.reporting import comparison_table
    from pbt_gan.reporting.comparison_picture import comparison

    if len(folders) < 2:
        raise ConfigError("compare takes two runs or more: pbt-gan compare runs/0001-digits runs/0002-digits")
    if out is not None and out.suffix != ".png":
        raise ConfigError(f"--out {out}: the comparison is drawn as a picture; name a .png file.")
    runs = {spoken(folder): Run.open(folder) for folder in folders}
    cards = {metric: card for run in runs.values() for metric, card in run.cards.items()}
    console().print(comparison_table.render({name: run.history for name, run in runs.items()}, cards))
    if out is not None:
        files.make_folder(out.parent)
        files.write(out, comparison({printable(name): [run.history] for name, run in runs.items()}))
        console().print(f"Drawn in {out}", soft_wrap=True)


def presets(name: str | None) -> None:
    """Print one preset's file, or the list."""
    if name is not None:
        put(preset_text(name).removesuffix("\n"))
        return
    listing = Table(box=None, show_header=False, pad_edge=False)
    for key, description in all_presets().items():
        listing.add_row(Text(key, "bold"), Text(description))
    console().print(listing)


def pretrained(name: str | None) -> None:
    """Print one card, or the list of the runs that come with the package."""
    if name is not None:
        put(card_page(run_place(f"{SCHEME}{name.removeprefix(SCHEME)}")).removesuffix("\n"))
        return
    listing = Table(box=None, show_header=False, pad_edge=False)
    for key, about in all_pretrained().items():
        listing.add_row(Text(f"{SCHEME}{key}", "bold"), Text(about))
    console().print(listing)


def _best(run: Run) -> Iterator[Text]:
    best = run.best
    if best is None:
        yield Text("No member has a finite score yet.")
        return
    held_out = [
        f"{short_name(run.cards, name)} {number(value)}" for name, value in best.metrics.items() if is_held_out(name)
    ]
    reached = ", ".join([f"score {number(best.score)}", *held_out])
    yield Text(f"Best ever: {member_name(best.member)} at step {number(best.step)}, {reached}")


def _place(run: Run) -> Iterator[Text]:
    """Tell where a run of the package lies, for programs that take a folder."""
    if run.folder is not None and is_shipped(run.folder):
        yield Text(f"It lies in {run.folder}; tensorboard --logdir takes that folder.", overflow="fold")


def _summary(run: Run) -> dict[str, Any]:
    best = run.best
    return {
        "folder": str(run.folder),
        "ending": run.ending,
        "workers": {"busy_s": run.usage.busy_s, "waiting_s": run.usage.waiting_s},
        "fallbacks": [asdict(fallback) for fallback in run.fallbacks],
        "divergences": [
            {
                "member": each.report.member,
                "interval": each.report.interval,
                "step": each.report.step,
                "why": each.why,
                "donor": each.rescue and each.rescue.donor and each.rescue.donor.checkpoint,
            }
            for each in divergences(run.history)
        ],
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
                "interval": report.interval,
                "step": report.step,
                "trained_steps": report.trained_steps,
                "score": report.score,
                "metrics": dict(report.metrics),
                "hyperparams": dict(report.hyperparams),
                "unverified": list(report.unverified),
            }
            for member, report in sorted(run.history.last.items())
        ],
        "config": run.config,
    }

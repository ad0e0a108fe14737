"""An experiment's results as files: data, plot, a page, and Markdown to paste."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pbt_gan import files
from pbt_gan.reporting import markup
from pbt_gan.runs.environment import machine, versions
from pbt_gan.store.journal import strict
from pbt_gan.studies.experiment import sheets
from pbt_gan.studies.experiment.picture import picture
from pbt_gan.studies.experiment.protocol import METHODS, conditions, protocol
from pbt_gan.studies.experiment.result import Result

PICTURE, PAGE, MARKDOWN, DATA = "comparison.png", "report.html", "report.md", "results.json"


def write(result: Result, folder: Path) -> None:
    """Write plot, data, Markdown and page into the experiment's folder.

    Raises:
        StorageError: the disk refused.
    """
    drawn = picture(result)
    files.write(folder / PICTURE, drawn)
    files.write(folder / DATA, (json.dumps(strict(plain(result)), indent=2, allow_nan=False) + "\n").encode())
    files.write(folder / MARKDOWN, markdown(result).encode(errors="replace"))
    files.write(folder / PAGE, page(result, drawn).encode(errors="replace"))


def plain(result: Result) -> dict[str, Any]:
    """Return everything as JSON values; what may differ between equal experiments stands under `time`."""
    runs = [asdict(run) for of_arm in result.outcomes.values() for run in of_arm]
    gains = {
        base: {figure: {arm: asdict(gained) for arm, gained in arms.items()} for figure, arms in of_base.items()}
        for base, of_base in result.gains.items()
    }
    device_s = {f"{run['arm']}-{run['seed']}": run.pop("device_s") for run in runs}
    return {
        "experiment": result.experiment.plain(),
        "equal": result.unit,
        "protocol": protocol(result),
        "methods": METHODS,
        "runs": runs,
        "gains": gains[result.experiment.baseline],
        "against": gains,
        "time": {"device_s": device_s, "versions": versions(), "machine": machine()},
    }


def markdown(result: Result) -> str:
    """Return tables, plot and protocol as a page of Markdown."""
    parts = [
        f"# {_title(result)}",
        *(f"**{sheet.title}**\n\n{sheet.markdown()}" for sheet in result.sheets),
        f"![What each arm reached for its cost]({PICTURE})",
        "\n".join(f"- {line}" for line in (*protocol(result), *conditions(result))),
    ]
    every = sheets.seeds_sheet(result.outcomes, result.cards)
    return "\n\n".join([*parts, f"**{every.title}**\n\n{every.markdown()}"]) + "\n"


def page(result: Result, drawn: bytes) -> str:
    """Return everything as one page that needs nothing but itself."""
    every = sheets.seeds_sheet(result.outcomes, result.cards)
    body = [
        f"<h1>{markup.text(_title(result))}</h1>",
        markup.headlines(_headline(result)),
        markup.section("What each arm reached for its cost", markup.image(drawn, "Scores by cost, held-out by seed")),
        *(markup.section(sheet.title, markup.table(sheet.header, sheet.rows)) for sheet in result.sheets),
        markup.section("Protocol", markup.listing([*protocol(result), *conditions(result)])),
        markup.section(every.title, markup.table(every.header, every.rows)),
        markup.section("Configuration", markup.folded("all settings", markup.facts(result.experiment.plain()))),
    ]
    return markup.page(f"{_title(result)} · pbt-gan", body)


def _title(result: Result) -> str:
    return f"{result.experiment.config.name}: {len(result.arms)} arms, {len(result.seeds)} seeds"


def _headline(result: Result) -> Iterator[tuple[str, str, str]]:
    for arm, runs in result.outcomes.items():
        mean, *deviation = sheets.spread([run.figures.get(result.judged) for run in runs]).split(" ± ")
        judged = sheets.title(result.judged, result.cards)
        yield arm, mean, f"± {deviation[0]}, {judged}" if deviation else judged

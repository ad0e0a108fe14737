"""The demo over several seeds: PBT against random search with the same members, initial draws and cost.

`python -m pbt_gan.studies.seeds runs/ten-seeds 100 101 102` trains what is missing, so that it may be cut off at any
moment and called again; then it prints a table and draws `comparison.png`.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pbt_gan import files
from pbt_gan.config.source import folder_name, read_config
from pbt_gan.reporting.comparison import comparison
from pbt_gan.reporting.summary import Summary
from pbt_gan.reporting.text import number
from pbt_gan.runs.result import Run
from pbt_gan.runs.run import train
from pbt_gan.studies.demo import ARMS, PRESET

FIGURES = ("best", "held_out_cs", "held_out_fcd", "final_best", "final_median", "cost_s")
"""What is compared: the first three are of the best member ever by the selection score."""


def main() -> None:
    """Train, print and draw."""
    folder, seeds = Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]]
    runs = {arm: [trained(folder, arm, seed) for seed in seeds] for arm in ARMS}
    rows: list[Mapping[str, Any]] = [
        {"seed": seed, "arm": arm, **figures(run)}
        for arm, arm_runs in runs.items()
        for seed, run in zip(seeds, arm_runs, strict=True)
    ]
    files.write(folder / "figures.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    files.write(folder / "comparison.png", comparison({arm: [run.history for run in runs[arm]] for arm in ARMS}))
    Console().print(table(rows))


def trained(folder: Path, arm: str, seed: int) -> Run:
    """Return the finished run of an arm and a seed."""
    place = folder / folder_name(f"{arm}-{seed}".lower())
    files.make_folder(folder)
    train(read_config(PRESET, [{"seed": seed}, ARMS[arm]]), place)
    return Run.open(place)


def figures(run: Run) -> dict[str, float]:
    """Return what is compared of one run."""
    summary = Summary.of(run.history)
    return {name: summary.held_out.get(name, getattr(summary, name, float("nan"))) for name in FIGURES}


def table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return for each figure the mean ± standard deviation of both arms, and of their paired difference."""
    printed = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("", *ARMS, "difference", "PBT higher"):
        printed.add_column(title, justify="right" if title else "left")
    for name in FIGURES:
        pbt, search = ([row[name] for row in rows if row["arm"] == arm] for arm in ARMS)
        differences = [a - b for a, b in zip(pbt, search, strict=True)]
        higher = sum(difference > 0 for difference in differences)
        printed.add_row(name, *map(_spread, (pbt, search, differences)), f"{higher} of {len(differences)}")
    return printed


def _spread(values: Sequence[float]) -> str:
    spread = f" ± {number(statistics.stdev(values))}" if len(values) > 1 else ""
    return f"{number(statistics.fmean(values))}{spread}"


if __name__ == "__main__":
    main()

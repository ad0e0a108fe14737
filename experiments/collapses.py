"""Who collapsed, and whether exploit repaired it: `python experiments/collapses.py FOLDER …`, of experiments.

A member has collapsed if its held-out Fréchet distance is twice the lowest of its own line so far and more, or is no
number. Told are, for each arm: the share of reports in which that was so, after how many of them the member was well
again at its next ready point (by a copy, or by itself), and the share of members that were so when last measured.
"""

import argparse
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pbt_gan.core.lineage import History
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.conduct import finished_runs
from pbt_gan.studies.experiment.plan import FILE, read_experiment

DISTANCE = "held_out_fcd"
TWICE = 2.0


class Look(NamedTuple):
    """A report beside the best that its line had reached."""

    collapsed: bool
    repaired: bool | None  # at the next report; None: it is the last, or was well
    copied: bool  # in between
    last: bool


def main() -> None:
    """Read, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="+", type=Path, help="folders of experiments")
    print("| experiment | arm | reports collapsed | well at the next | of these by a copy | collapsed at the end |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for folder in parser.parse_args().experiments:
        experiment = read_experiment(str(folder / FILE))
        runs = finished_runs(experiment, folder)
        for arm in experiment.settings.arms:
            seen = [look for (of, _), run in runs.items() if of == arm for look in looks(run)]
            if seen:
                print(f"| {experiment.config.name} | {arm} | {_row(seen)} |")


def looks(run: Run) -> Iterator[Look]:
    """Yield every report of a run, member by member."""
    history = run.history
    for member, reports in history.by_member.items():
        best = math.inf
        states = []
        for report in reports:
            copied = _copied(history, member, report.interval - 1)
            value = report.metrics.get(DISTANCE, math.nan)
            if copied:
                best = math.inf  # another line
            best = min(best, value) if math.isfinite(value) else best
            states.append((not math.isfinite(value) or value >= TWICE * best, copied))
        for place, (collapsed, _) in enumerate(states):
            last = place == len(states) - 1
            after = None if last or not collapsed else states[place + 1]
            yield Look(collapsed, None if after is None else not after[0], after is not None and after[1], last)


def _copied(history: History, member: int, interval: int) -> bool:
    return any(each.recipient == member and each.interval == interval and each.copied for each in history.exploits)


def _row(seen: Iterable[Look]) -> str:
    every = list(seen)
    before = [look for look in every if look.repaired is not None]
    well = [look for look in before if look.repaired]
    ends = [look for look in every if look.last]
    return " | ".join(
        (
            f"{sum(look.collapsed for look in every) / len(every):.1%}",
            f"{len(well)} of {len(before)}",
            f"{sum(look.copied for look in well)}",
            f"{sum(look.collapsed for look in ends) / len(ends):.1%}",
        )
    )


if __name__ == "__main__":
    main()

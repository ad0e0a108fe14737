"""What arms came to on a landscape, as tables and as data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np

from pbt_gan.reporting.text import number
from pbt_gan.studies.experiment.sheets import ABSENT, Sheet, signed, spread
from pbt_gan.studies.experiment.statistics import interval
from pbt_gan.studies.simulation.trial import Outcome

Outcomes = Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class Difference:
    """How an arm compares with a baseline in the true value of what was selected, seed by seed."""

    mean: float
    interval: tuple[float, float] | None  # 95 %, Student's t; None: a single seed
    better: float  # share of the seeds; ties count half


def by_arm(outcomes: Outcomes) -> dict[str, list[Outcome]]:
    """Return the outcomes of each arm, by seed."""
    table: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        table.setdefault(outcome.arm, []).append(outcome)
    return table


def difference(arm: Outcomes, baseline: Outcomes) -> Difference:
    """Compare an arm with a baseline of the same seeds in the same order."""
    apart = np.array([ours.value - theirs.value for ours, theirs in zip(arm, baseline, strict=True)])
    ends = interval(apart) if len(apart) > 1 else None
    better = float((apart > 0).mean() + 0.5 * (apart == 0).mean())
    return Difference(float(apart.mean()), (float(ends[0]), float(ends[1])) if ends else None, better)


def figures_sheet(outcomes: Outcomes) -> Sheet:
    """Return an arm a row: what its best member had, and what it cost."""
    header = ["arm", "selected by", "held-out", "true", "regret", "steps", "reports"]
    rows = [
        [
            arm,
            *(spread([getattr(run, name) for run in runs]) for name in ("score", "held_out", "value", "regret")),
            *(number(round(fmean(getattr(run, name) for run in runs))) for name in ("steps", "reports")),
        ]
        for arm, runs in by_arm(outcomes).items()
    ]
    return Sheet("The selected member: mean ± standard deviation over the seeds", header, rows)


def differences_sheet(outcomes: Outcomes, baseline: str) -> Sheet:
    """Return the paired differences from a baseline, an arm a row."""
    header = ["arm", "difference", "95 % interval", "better in"]
    runs = by_arm(outcomes)
    rows = []
    for arm, own in runs.items():
        if arm != baseline:
            found = difference(own, runs[baseline])
            ends = " … ".join(map(signed, found.interval)) if found.interval else ABSENT
            rows.append([arm, signed(found.mean), ends, f"{found.better:.0%}"])
    return Sheet(f"Against {baseline}, true values paired by seed; a positive difference is better", header, rows)


def plain(outcomes: Outcomes, baselines: Sequence[str]) -> dict[str, Any]:
    """Return every run, and the differences from each baseline, as JSON values."""
    runs = by_arm(outcomes)
    differences: dict[str, Mapping[str, Any]] = {
        baseline: {arm: asdict(difference(own, runs[baseline])) for arm, own in runs.items() if arm != baseline}
        for baseline in baselines
    }
    return {"runs": [asdict(outcome) for outcome in outcomes], "differences": differences}

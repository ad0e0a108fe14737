"""How the figures of an experiment came about, said with them wherever they are shown."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from pbt_gan.reporting.text import number
from pbt_gan.runs.environment import machine, versions
from pbt_gan.studies.experiment.plan import Unit
from pbt_gan.studies.experiment.result import Result

UNITS: Mapping[Unit, str] = {"images": "images seen", "steps": "steps", "device_s": "device seconds"}

_EQUAL = 0.05
"""Share by which the device time of arms may differ before it is said."""


def protocol(result: Result) -> list[str]:
    """Return what a reader has to know, a point each; equal experiments have equal protocols."""
    experiment, pbt = result.experiment, result.experiment.config.pbt
    selection = next(iter(result.runs.values())).cards.get("score", {}).get("name", "the task's own score")
    return [
        *(f"{arm}: {experiment.arm(arm).says}." for arm in result.arms),
        f"Seeds {_listed(result.seeds)}. In every arm all members together train {number(experiment.budget_steps)} "
        f"steps (PBT: {pbt.population_size} × {number(pbt.total_steps)}), scored every {number(pbt.score_interval)}, "
        f"ready every {number(pbt.ready_interval)}. Runs are read up to the {UNITS[result.unit]} that all arms of a "
        "seed have reached.",
        f"Selected by {selection}; best: the highest of a whole run. “best held_out…” is the held-out metric of that "
        "same report, which selected nothing. Median: of the members' last scores; one that diverged counts as worst.",
        "Gain: mean of the differences, paired by seed. Interval: bootstrap over the pairs, percentiles of 10,000 "
        "resamples, from 5 pairs on. P(better): that a run of the arm beats a run of the baseline. p: exact two-sided "
        "sign-flip test, from 6 pairs on; then adjusted for the number of arms after Holm.",
    ]


def conditions(result: Result) -> list[str]:
    """Return what may differ between equal experiments: time, machine, versions."""
    told = versions()
    made_with = f"pbt-gan {told.get('pbt-gan', '?')}, torch {told.get('torch', '?')}, {machine()['processor']}"
    return [_cost(result), f"Made with {made_with}. Every run lies in runs/, with its seed and its config."]


def _cost(result: Result) -> str:
    of_arm = {arm: fmean(run.device_s for run in runs) for arm, runs in result.outcomes.items()}
    base = of_arm[result.experiment.baseline]
    off = {arm: time / base for arm, time in of_arm.items() if base > 1 and abs(time / base - 1) > _EQUAL}
    if not off:
        return f"Device time, scoring included, differs by no more than {_EQUAL:.0%}."
    told = ", ".join(f"{arm} {ratio:.2f}" for arm, ratio in off.items())
    return (
        f"Device time, scoring included, is not equal: {told} times that of {result.experiment.baseline}. "
        "Read at equal device time with --equal device_s."
    )


def _listed(seeds: Sequence[int]) -> str:
    whole = list(range(seeds[0], seeds[-1] + 1)) == list(seeds)
    return f"{seeds[0]} to {seeds[-1]}" if whole and len(seeds) > 2 else ", ".join(map(str, seeds))

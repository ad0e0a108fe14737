"""How the figures of an experiment came about, said with them wherever they are shown."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from pbt_gan.reporting.text import number
from pbt_gan.runs.environment import machine, versions
from pbt_gan.studies.experiment.plan import Experiment, Unit
from pbt_gan.studies.experiment.power import too_few_seeds
from pbt_gan.studies.experiment.result import Result
from pbt_gan.studies.experiment.statistics import CONFIDENCE, EXACT_PAIRS, RESAMPLES

UNITS: Mapping[Unit, str] = {"images": "images seen", "steps": "steps", "device_s": "device seconds"}

METHODS: Mapping[str, str] = {
    "interval": "Student's t over the pairs",
    "p": f"two-sided sign-flip test of the mean, exact up to {EXACT_PAIRS} pairs, with {RESAMPLES:,} drawn choices of "
    "signs beyond",
    "correction": "adjusted after Holm for the number of arms, each figure and each baseline for itself",
}
"""How the gains of an experiment were judged."""

_EQUAL = 0.05
"""Share by which the device time of arms may differ before it is said."""


def protocol(result: Result) -> list[str]:
    """Return what a reader has to know, a point each; equal experiments have equal protocols."""
    experiment, pbt = result.experiment, result.experiment.config.pbt
    rounding = f" Less by up to {experiment.rounding:.1%}: whole score intervals." if experiment.rounding else ""
    caution = too_few_seeds(len(result.seeds), len(result.arms))
    selection = next(iter(result.runs.values())).cards.get("score", {}).get("name", "the task's own score")
    return [
        *(f"{arm}: {experiment.arm(arm).says} ({_population(experiment, arm)})." for arm in result.arms),
        f"Seeds {_listed(result.seeds)}. In every arm all members together train {number(experiment.budget_steps)} "
        f"steps.{rounding} Scored every {number(pbt.score_interval)}, ready every {number(pbt.ready_interval)}. With "
        "one seed, member i begins alike in every arm that draws it. Runs are read in the order of time, up to the "
        f"{UNITS[result.unit]} that all arms of a seed have reached.",
        f"Selected by {selection}. best: the highest score of a whole run; best with the name of a metric: that metric "
        "in the same report, which selected nothing. median: of the last scores of the members who have not retired; "
        "one that diverged counts as the worst.",
        f"Gain: mean of the differences, paired by seed. {CONFIDENCE:.0%} interval: {METHODS['interval']}. P(better): "
        f"the probability that a run of the arm beats a run of the baseline. p: {METHODS['p']}; "
        f"p (Holm): {METHODS['correction']}.",
        *([caution] if caution else []),
    ]


def conditions(result: Result) -> list[str]:
    """Return what may differ between equal experiments: time, machine, versions."""
    told = versions()
    made_with = f"pbt-gan {told.get('pbt-gan', '?')}, torch {told.get('torch', '?')}, {machine()['processor']}"
    return [_cost(result), f"Made with {made_with}. Every run lies in runs/, with its seed and its config."]


def _population(experiment: Experiment, arm: str) -> str:
    """Return who trains how many steps, such as 8 × 50, then 1 × 400."""
    return ", then ".join(f"{members} × {number(steps)}" for members, steps in experiment.population(arm))


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

"""The experiments of figure 2: PBT, exploit only, explore only and grid search; and the effect of population size.

Source: Jaderberg et al. 2017, arXiv:1711.09846, figure 2; the population sizes and the Mueller potential, the
companion repository of the seed project, github.com/angusfung/population-based-training.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pbt_gan.core.lineage import History
from pbt_gan.core.population import Hyperparams
from pbt_gan.core.records import Report
from pbt_gan.runs.run import run
from pbt_gan.toy.landscape import Landscape
from pbt_gan.toy.mueller import Mueller
from pbt_gan.toy.quadratic import Quadratic

SEEDS = range(10)
SIZES = (1, 2, 4, 8, 16, 32)
STEPS = 200
READY_INTERVAL = 5

# Explore draws h anew: 0 times a factor is 0. Exploit alone must copy weights only: with the whole state both members
# would have the same h, and one of the two parameters would never be trained again.
ARMS: Mapping[str, Mapping[str, Any]] = {
    "pbt": {"exploit": "tournament", "explore": "resample"},
    "exploit": {"exploit": {"name": "tournament", "copies": "weights"}, "explore": "none"},
    "explore": {"exploit": "none", "explore": {"name": "resample", "who": "all"}},
    "grid": {"exploit": "none", "explore": "none"},
}
NAMES = {"pbt": "PBT", "exploit": "exploit only", "explore": "explore only", "grid": "grid search"}


@dataclass(frozen=True)
class Setting:
    """A landscape, and the members that begin on it."""

    landscape: Landscape
    objective: str  # what the score is called
    members: Sequence[Hyperparams]  # the two of the paper: each trains one parameter only
    view: tuple[tuple[float, float], tuple[float, float]]  # of the two parameters, for the picture
    range: tuple[float, float]  # of the objective, likewise
    highest: float  # the best there is


SETTINGS: Mapping[str, Setting] = {
    "quadratic": Setting(
        Quadratic(),
        "Q",
        ({"h0": 1.0, "h1": 0.0}, {"h0": 0.0, "h1": 1.0}),
        ((-0.06, 1.0), (-0.06, 1.0)),
        (-0.5, 1.25),
        1.2,
    ),
    "mueller": Setting(
        Mueller(),
        "−V",
        tuple({"h_x": 0.0, "h_y": 0.0, "h_xx": 0.0, "h_yy": 0.0, name: -10.0} for name in ("h_xx", "h_yy")),
        ((-1.6, 1.3), (-0.4, 2.0)),
        (-160.0, 155.0),
        146.7,
    ),
}


@dataclass(frozen=True)
class Repeat:
    """One population, trained: what an arm came to with one seed."""

    seed: int
    history: History

    @property
    def best_q(self) -> float:
        """The highest finite score of any member at any step."""
        return self.history.best.score if self.history.best else math.nan

    @cached_property
    def theta(self) -> list[list[float]]:
        """Where the best member's weights have been after each score, oldest first."""
        if self.history.best is None:
            return []
        reports = {report.checkpoint: report for report in self.history.reports}
        ancestry = self.history.ancestry(self.history.best.member, self.history.best.interval)
        return [theta(reports[segment.checkpoint]) for segment in ancestry]

    @cached_property
    def leaders(self) -> list[Report]:
        """The best report of each interval; the last of all where everybody diverged."""
        by_interval: dict[int, Report] = {}
        for report in self.history.reports:
            leader = by_interval.get(report.interval)
            if leader is None or not math.isfinite(leader.score) or report.score > leader.score:
                by_interval[report.interval] = report
        return list(by_interval.values())


def theta(report: Report) -> list[float]:
    """Return the two parameters that a report was made on."""
    return [report.metrics["theta_0"], report.metrics["theta_1"]]


def repeat(task: str, arm: str, seed: int, *, size: int = 2, score_interval: int = 1) -> Repeat:
    """Train one population in this process: the same controller, engine and executor as a real run's."""
    corners = SETTINGS[task].members
    done = run(
        quiet=True,
        task=task,
        seed=seed,
        population_size=size,
        total_steps=STEPS,
        ready_interval=READY_INTERVAL,
        score_interval=score_interval,
        initial=[corners[member % len(corners)] for member in range(size)],
        **ARMS[arm],
    )
    return Repeat(seed, done.history)


def four_arms(task: str, seeds: Sequence[int] = SEEDS) -> dict[str, list[Repeat]]:
    """Train the two members of the paper in each of the four ways."""
    return {arm: [repeat(task, arm, seed) for seed in seeds] for arm in ARMS}


def population_sizes(task: str, seeds: Sequence[int] = SEEDS) -> dict[int, list[Repeat]]:
    """Train populations of 1 to 32 members by PBT; the paper's two members take turns in them."""
    return {
        size: [repeat(task, "pbt", seed, size=size, score_interval=READY_INTERVAL) for seed in seeds] for size in SIZES
    }

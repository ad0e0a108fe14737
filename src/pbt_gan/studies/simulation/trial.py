"""An experiment on a landscape: what each of its runs comes to."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pbt_gan.config.settings import Config
from pbt_gan.core.lineage import History
from pbt_gan.core.plan import Plan
from pbt_gan.errors import ConfigError
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment.plan import Experiment
from pbt_gan.studies.experiment.timeline import timeline
from pbt_gan.studies.simulation import quadratic, surrogate
from pbt_gan.studies.simulation.landscape import Landscape
from pbt_gan.studies.simulation.loop import HELD_OUT, Simulated, simulated
from pbt_gan.validation import unknown

LANDSCAPES: Mapping[str, Callable[[], Landscape[Any]]] = {
    "surrogate": surrogate.digits,
    "toy": quadratic.Toy,
    "drifting": quadratic.Drifting,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one simulated run came to. nan: nobody had a finite score."""

    arm: str
    seed: int
    score: float  # the highest, by which the best member is selected
    held_out: float  # its other measurement
    value: float  # what both are measurements of
    regret: float  # by how much another report of the run had a higher value
    reports: int
    steps: int  # of all members together


@dataclass(frozen=True)
class Trial:
    """An experiment on a landscape."""

    experiment: Experiment
    landscape: Landscape[Any]
    slots: int | None = None  # members that train side by side; None: all

    @cached_property
    def plans(self) -> Mapping[str, Plan]:
        """The plan of each arm that needs no other's run, with the first seed."""
        arms = (arm for arm in self.experiment.settings.arms if self.experiment.arm(arm).after is None)
        seed = self.experiment.settings.seeds[0]
        return {arm: _plan(self.experiment.run_config(arm, seed)) for arm in arms}

    def check(self) -> None:
        """Raise ConfigError unless the landscape answers to what is evolved, and to nothing else."""
        known, evolved = set(self.landscape.hyperparams), set(self.experiment.space)
        if known != evolved:
            raise ConfigError(
                f"The landscape {self.landscape.name} answers to {' and '.join(sorted(known))}, and the space evolves "
                f"{' and '.join(sorted(evolved))}. Evolve what it answers to, or choose another one with --landscape."
            )

    def run(self, arm: str, seed: int, found: Simulated | None = None) -> Simulated:
        """Simulate one run.

        Args:
            arm: its arm.
            seed: its seed.
            found: the run that the arm needs, of the same seed.
        """
        plan = self._after(arm, seed, found) if found else replace(self.plans[arm], seed=seed)
        return simulated(plan, self.landscape, self.slots or plan.largest)

    def outcomes(self, seed: int) -> list[Outcome]:
        """Simulate every arm with one seed."""
        arms = self.experiment.settings.arms
        runs: dict[str, Simulated] = {arm: self.run(arm, seed) for arm in self.plans}
        for arm in arms:
            needed = self.experiment.arm(arm).after
            if needed is not None:
                runs[arm] = self.run(arm, seed, runs[needed])
        return [_outcome(arm, seed, runs[arm]) for arm in arms]

    def _after(self, arm: str, seed: int, found: Simulated) -> Plan:
        config = self.experiment.run_config(arm, seed, Run(self.experiment.config.plain(), found.journal, "finished"))
        return _plan(config)


def landscape(name: str) -> Landscape[Any]:
    """Return a landscape by its name.

    Raises:
        ConfigError: there is none.
    """
    if name not in LANDSCAPES:
        raise unknown("--landscape", name, LANDSCAPES)
    return LANDSCAPES[name]()


def _plan(config: Config) -> Plan:
    """Return a run's plan. What it starts from is a state of its task, and a landscape has its own beginning."""
    return replace(Project(config).plan, start_step=None)


def _outcome(arm: str, seed: int, run: Simulated) -> Outcome:
    history, steps = History.of(run.journal), sum(timeline(run.journal).steps())
    best, count = history.best, len(history.reports)
    if best is None:
        return Outcome(arm, seed, math.nan, math.nan, math.nan, math.nan, count, steps)
    value = run.values[best.checkpoint]
    highest = max(run.values[report.checkpoint] for report in history.reports if math.isfinite(report.score))
    return Outcome(arm, seed, best.score, best.metrics[HELD_OUT], value, highest - value, count, steps)

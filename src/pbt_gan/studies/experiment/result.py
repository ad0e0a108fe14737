"""What an experiment found, read from its runs at any time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pbt_gan.core.lineage import History
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment import tables
from pbt_gan.studies.experiment.conduct import Place, finished_runs
from pbt_gan.studies.experiment.outcome import HELD_OUT, Outcome, at_equal_cost, counted, directions_of
from pbt_gan.studies.experiment.plan import Experiment, Unit
from pbt_gan.studies.experiment.statistics import Gain
from pbt_gan.studies.experiment.tables import Grid


@dataclass(frozen=True)
class Result:
    """An experiment, read."""

    experiment: Experiment
    runs: Mapping[Place, Run]  # of every seed of which all arms are finished; at least one

    @classmethod
    def read(cls, experiment: Experiment, folder: Path) -> "Result | None":
        """Read what is finished; None: there is no seed of which all arms are."""
        runs = finished_runs(experiment, folder)
        return cls(experiment, runs) if runs else None

    @property
    def arms(self) -> Sequence[str]:
        """The arms, in the order in which they were named."""
        return self.experiment.settings.arms

    @property
    def seeds(self) -> list[int]:
        """The seeds of which all arms are finished."""
        return sorted({seed for _, seed in self.runs})

    @cached_property
    def unit(self) -> Unit:
        """The cost that is made equal."""
        return counted(self.runs.values(), self.experiment.settings.equal)

    @cached_property
    def histories(self) -> Mapping[Place, History]:
        """Every run, read up to equal cost."""
        return at_equal_cost(self.runs, self.unit)

    @cached_property
    def better(self) -> Mapping[str, bool]:
        """Whether higher is better, for each metric."""
        return directions_of(self.runs.values())

    @cached_property
    def outcomes(self) -> Mapping[str, Sequence[Outcome]]:
        """The figures of each arm, one outcome a seed."""
        return {
            arm: [Outcome.of((arm, seed), self.histories[arm, seed], self.better) for seed in self.seeds]
            for arm in self.arms
        }

    @cached_property
    def gains(self) -> Mapping[str, Mapping[str, Gain]]:
        """For each figure, every arm against the baseline."""
        return tables.gains(self.outcomes, self.experiment.baseline, self.better)

    @property
    def judged(self) -> str:
        """The figure that judges: the first held-out metric of the best member, else its selection score."""
        figures = tables.figures_of(self.outcomes)
        return next((name for name in figures if name.startswith(f"best {HELD_OUT}")), "best")

    @property
    def grids(self) -> Sequence[Grid]:
        """The tables: figures by arm, and comparisons with the baseline if there is another arm."""
        grids = [tables.figures_grid(self.outcomes, self.better)]
        if len(self.arms) > 1:
            grids.append(tables.gains_grid(self.gains, self.experiment.baseline))
        return grids

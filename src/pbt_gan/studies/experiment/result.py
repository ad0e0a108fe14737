"""What an experiment found, read from its runs at any time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pbt_gan.reporting.cards import Cards
from pbt_gan.runs.result import Run
from pbt_gan.studies.experiment import sheets
from pbt_gan.studies.experiment.conduct import Place, finished_runs
from pbt_gan.studies.experiment.outcome import Outcome, at_equal_cost, cards_of, counted
from pbt_gan.studies.experiment.plan import Experiment, Unit
from pbt_gan.studies.experiment.sheets import Sheet
from pbt_gan.studies.experiment.statistics import Gain
from pbt_gan.studies.experiment.timeline import Timeline


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
    def timelines(self) -> Mapping[Place, Timeline]:
        """Every run, read up to equal cost."""
        return at_equal_cost(self.runs, self.unit, self.experiment.rounding)

    @cached_property
    def cards(self) -> Cards:
        """What each metric is."""
        return cards_of(self.runs.values())

    @cached_property
    def outcomes(self) -> Mapping[str, Sequence[Outcome]]:
        """The figures of each arm, one outcome a seed."""
        return {
            arm: [Outcome.of((arm, seed), self.timelines[arm, seed], self.cards) for seed in self.seeds]
            for arm in self.arms
        }

    @cached_property
    def gains(self) -> Mapping[str, Mapping[str, Mapping[str, Gain]]]:
        """For each baseline and figure, every other arm against that baseline."""
        return {base: sheets.gains(self.outcomes, base, self.cards) for base in self.experiment.baselines}

    @property
    def judged(self) -> str:
        """The figure that judges: the first held-out metric of the best member, else its selection score."""
        figures = sheets.figures_of(self.outcomes)
        held_out = (figure for figure in figures if sheets.metric_of(figure) and figure.startswith("best "))
        return next(held_out, "best")

    @property
    def sheets(self) -> Sequence[Sheet]:
        """The tables: figures by arm, and comparisons with each baseline if there is another arm."""
        made = [sheets.figures_sheet(self.outcomes, self.cards)]
        if len(self.arms) > 1:
            if len(self.gains) > 1:
                made.append(sheets.overview_sheet(self.gains, self.judged, self.cards))
            made += [sheets.gains_sheet(found, base, self.cards) for base, found in self.gains.items()]
        return made

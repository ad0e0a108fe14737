"""The demo: what a population is good for, on handwritten digits, beside what one would do without.

A small experiment of one seed: the population of the preset, one longer run of a sensible setting, and random search,
all with the same number of steps.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pbt_gan.config.source import Table
from pbt_gan.engine import Stop
from pbt_gan.reporting import default_listeners
from pbt_gan.runs.folder import new_folder
from pbt_gan.runs.launch import ListenerMaker
from pbt_gan.runs.report import write_results
from pbt_gan.store.reader import read_run
from pbt_gan.studies.experiment import output
from pbt_gan.studies.experiment.arms import LONGER, RANDOM_SEARCH, SHRINKING
from pbt_gan.studies.experiment.conduct import conduct, run_folder
from pbt_gan.studies.experiment.plan import read_experiment
from pbt_gan.studies.experiment.result import Result

log = logging.getLogger(__name__)

PRESET = "digits"

ARMS = (SHRINKING, LONGER, RANDOM_SEARCH)

BUDGET_STEPS = 3_000
"""Of each arm: as much as two ordinary cores do in about a minute and a half."""


@dataclass(frozen=True)
class Demo:
    """What came out, and the folder in which it lies."""

    result: Result
    folder: Path


def demo(
    seed: int,
    root: Path,
    changes: Sequence[Table] = (),
    *,
    listeners: ListenerMaker = default_listeners,
    stop: Stop | None = None,
) -> Demo | None:
    """Train all arms, one after the other, in a new folder; None: stopped before the last had ended.

    Raises:
        PbtGanError: see its subclasses.
    """
    shape = {"arms": ARMS, "seeds": (seed,), "baseline": LONGER, "fixed_size": 4}
    table = {"pbt": {"budget_steps": BUDGET_STEPS}, "experiment": shape}
    experiment = read_experiment(PRESET, [table, *changes])  # first: a mistake leaves no folder behind
    folder = new_folder("demo", root)
    if not conduct(experiment, folder, listeners=listeners, stop=stop, say=log.info):
        return None
    result = Result.read(experiment, folder)
    assert result is not None  # all its runs are finished
    for arm, run_seed in result.runs:
        write_results(read_run(run_folder(folder, arm, run_seed)))
    output.write(result, folder)
    return Demo(result, folder)

"""How a run fared while its cost grew."""

import math
from collections.abc import Mapping
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pbt_gan.core.records import Report, Retire
from pbt_gan.reporting.table import quantile
from pbt_gan.studies.experiment.outcome import costs
from pbt_gan.studies.experiment.plan import Unit
from pbt_gan.studies.experiment.timeline import Timeline

Curve = NDArray[np.float64]


def progress(run: Timeline, unit: Unit) -> Mapping[str, Curve]:
    """Return what a run had reached whenever its members stood at one place of the plan, one value a place.

    Returns:
        `cost`: of all members so far; `best`: the highest score so far; `median`: of the last scores of those who had
        not retired. float64[places] each; nan: nobody had a finite score.
    """
    table: dict[str, list[float]] = {"cost": [], "best": [], "median": []}
    last: dict[int, Report] = {}
    spent, best, prices = 0.0, math.nan, iter(costs(run, unit))
    for wave in run.waves:
        for _, reports in groupby(wave.reports, key=lambda report: report.trained_steps):
            for report in reports:
                last[report.member] = report
                spent += next(prices)
            scores = [report.score for report in last.values()]
            top = quantile(scores, 1)
            best = top if math.isnan(best) or top > best else best
            for name, value in (("cost", spent), ("best", best), ("median", quantile(scores, 0.5))):
                table[name].append(value)
        for decision in wave.decisions:
            if isinstance(decision, Retire):
                last.pop(decision.member, None)
    return {name: np.array(column) for name, column in table.items()}

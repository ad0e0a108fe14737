"""A run in a row of numbers: best and median member, selection and held-out metrics, cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pbt_gan.core.lineage import History
from pbt_gan.reporting.cards import is_held_out
from pbt_gan.reporting.table import quantile


@dataclass(frozen=True, slots=True)
class Summary:
    """One run in a row of numbers. Metrics are selection scores unless held out; nan: nobody had a finite one."""

    members: int  # all that there ever were
    living: int  # those who have not retired
    member_steps: int  # that all of them have trained together
    best: float  # best ever
    held_out: Mapping[str, float]  # metrics of that best report which did not select it
    final_best: float  # of the last scores of the living
    final_median: float  # likewise; one that diverged counts as the lowest
    exploits: int
    images: int
    cost_s: float  # device seconds, scoring included

    @classmethod
    def of(cls, history: History) -> "Summary":
        """Sum up a run."""
        finals = [report.score for report in history.living.values()]
        best = history.best
        return cls(
            members=len(history.births),
            living=len(history.births) - len(history.retirements),
            member_steps=history.member_steps,
            best=best.score if best else math.nan,
            held_out={k: v for k, v in best.metrics.items() if is_held_out(k)} if best else {},
            final_best=history.last_best.score if history.last_best else math.nan,
            final_median=quantile(finals, 0.5),
            exploits=sum(exploit.donor is not None for exploit in history.exploits),
            images=sum(report.images for report in history.reports),
            cost_s=sum(report.cost_s for report in history.reports),
        )

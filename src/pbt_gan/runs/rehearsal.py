"""What a run will cost: its own workers, all at once, each with a few short orders of no run."""

import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

from pbt_gan.core.failures import fatal
from pbt_gan.core.population import Order
from pbt_gan.core.records import Failure, Report
from pbt_gan.core.space import middles
from pbt_gan.errors import WorkerError
from pbt_gan.runs.project import Project

_FIRST_STEPS = 5
_ENOUGH_S = 3.0
"""An order that takes so long tells enough of its steps."""

_WAIT_S = 600.0
"""For a sign of any worker."""


class Pace(NamedTuple):
    """Device seconds of one member, while as many are busy as will be."""

    step_s: float
    score_s: float


class Rehearsal:
    """A run's executor, which is asked for members that nobody keeps. Workers slow each other down, so all take part.

    Args:
        project: it has been rehearsed in `folder`.
        folder: see `Project.rehearse`.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        self._values = middles(project.plan.space)
        self._longest = project.plan.score_interval
        self._interval = 0
        self._checkpoint = ""
        self._executor = project.executor(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._executor.close()

    def pace(self, members: int) -> Pace:
        """Return what it costs each of so many members to train side by side; at most as many as there are slots.

        Raises:
            PbtGanError: one of them failed.
        """
        if self._interval == 0:
            self._cost_s(self._executor.free_slots(), 1)  # warms up
        once_s = self._cost_s(members, 1)
        steps, cost_s = 1, once_s
        # One order of a step, and one that is long enough to tell steps and score apart.
        while steps < self._longest and cost_s < max(2 * once_s, _FIRST_STEPS * 1e-3) and cost_s < _ENOUGH_S + once_s:
            steps = min(self._longest, _FIRST_STEPS if steps == 1 else 4 * steps)
            cost_s = self._cost_s(members, steps)
        if steps == 1:
            return Pace(once_s, 0.0)
        step_s = max(0.0, cost_s - once_s) / (steps - 1)
        return Pace(step_s, max(0.0, once_s - step_s))

    def state_bytes(self) -> int:
        """Return how large the state of the last member is."""
        return len(self._executor.encoded(self._checkpoint))

    def peak_bytes(self) -> int:
        """Return how much memory a worker has taken, and close them all; in this process: all that it has."""
        self._executor.close()
        unit = 1 if sys.platform == "darwin" else 1_024
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return unit * (children or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    def _cost_s(self, members: int, steps: int) -> float:
        """Return the mean cost of an order of so many steps, from a new state."""
        self._interval += 1
        orders = [self._order(member, steps) for member in range(members)]
        self._executor.keep(frozenset())
        self._executor.submit(orders)
        reports = self._answers(len(orders))
        self._checkpoint = orders[-1].checkpoint
        return sum(report.cost_s for report in reports) / len(reports)

    def _order(self, member: int, steps: int) -> Order:
        return Order(
            member=member,
            interval=self._interval,
            attempt=1,
            hyperparams=self._values,
            sources={},
            checkpoint=f"rehearsal-{member}-{self._interval}",
            step=0,
            trained_steps=0,
            steps=steps,
        )

    def _answers(self, count: int) -> Sequence[Report]:
        reports: list[Report] = []
        while len(reports) < count:
            answers = self._executor.next_reports(_WAIT_S)
            if not answers:
                raise WorkerError("No worker has answered for ten minutes. Try fewer workers.")
            for answer in answers:
                if isinstance(answer, Failure):
                    raise fatal(answer) or WorkerError(f"A member of the rehearsal failed: {answer.error}.")
                assert isinstance(answer, Report)
                reports.append(answer)
        return reports

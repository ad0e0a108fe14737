"""When a run ends before its plan does: at a goal that it has reached, as its records tell.

What is known here is folded from records alone, so a run that goes on knows what it would have known without the stop.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pbt_gan.core.lineage import Leader
from pbt_gan.core.log import Log
from pbt_gan.core.plan import Mode
from pbt_gan.core.records import Birth, Exploit, Measurement, Record, Report, Retire
from pbt_gan.errors import TaskError, one_line, place

PREFIX = "stop."
"""What the ending of a run that has reached a goal begins with; the setting's name follows."""

_LONGEST = 200  # characters that a rule of one's own can say


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: what a stop rule of one's own is shown.

    Examples:
        >>> def enough(run):
        ...     return run.best is not None and run.best.score > 0.9 and run.images > 10_000
        >>> enough(Progress(images=20_000))
        False
    """

    records: Sequence[Record] = ()  # all that count, as they came; kept only where somebody's rule may look at them
    best: Report | None = None  # with the highest score of the whole run
    cost_s: float = 0.0  # device seconds of all members together, scoring included
    images: int = 0  # real images that all members have seen together
    stale: int = 0  # ready intervals in a row that every living member has trained through without a better best


Rule = Callable[[Progress], object]
"""Returns whether the run is to end; a text that is not empty says why as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What ends a run; whatever is reached first. None: this does not."""

    score: float | None = None
    cost_s: float | None = None
    images: int | None = None
    patience: int | None = None
    rule: Rule | None = None


def reached(goals: Goals, run: Progress) -> str | None:
    """Return which goal a run has reached, as its ending says it; None: none yet.

    Raises:
        TaskError: the rule raised.

    >>> reached(Goals(images=500, patience=3), Progress(images=640, stale=2))
    'stop.images = 500: 640 were seen'
    """
    if goals.score is not None and run.best is not None and run.best.score >= goals.score:
        return f"{PREFIX}score = {goals.score:g}: the best has {run.best.score:.5g}"
    if goals.cost_s is not None and run.cost_s >= goals.cost_s:
        return f"{PREFIX}cost_s = {goals.cost_s:g}: {run.cost_s:.0f} device seconds were spent"
    if goals.images is not None and run.images >= goals.images:
        return f"{PREFIX}images = {goals.images}: {run.images} were seen"
    if goals.patience is not None and run.stale >= goals.patience:
        return f"{PREFIX}patience = {goals.patience}: no better score in {run.stale} ready intervals"
    return None if goals.rule is None else _ruled(goals.rule, run)


def _ruled(rule: Rule, run: Progress) -> str | None:
    try:
        found = rule(run)
        if not found:
            return None
    except (Exception, SystemExit) as error:
        raise TaskError(
            f"The rule stop.rule raised {one_line(error)}. Mend it at {place(error)}, and resume the run."
        ) from error
    said = " ".join(found.split())[:_LONGEST] if isinstance(found, str) else "it returned true"
    return f"{PREFIX}rule: {said}"


class Stopping:
    """Follows the records of a run, and says when it has reached a goal.

    Where all members wait for each other, that is looked at when they are decided about: all stand at one place then,
    so equal runs end alike, and nothing that is under way is lost. Where nobody waits, it is after each record.

    Args:
        goals: of the run.
        mode: of its plan.
        ready_interval: likewise.
    """

    def __init__(self, goals: Goals, mode: Mode, ready_interval: int) -> None:
        self._goals = goals
        self._together = mode == "sync"
        self._laps = _Laps(ready_interval)
        self._leader = Leader()
        self._records: Log[Record] = Log()
        self._cost_s = 0.0
        self._images = 0
        self.progress = Progress()  # as of the last look

    def follow(self, records: Iterable[Record]) -> None:
        """Take records in, in their order."""
        if self._goals == Goals():
            return
        for record in records:
            self._add(record)
            if not self._together or isinstance(record, Birth | Exploit | Retire):
                self.progress = Progress(
                    self._records, self._leader.best, self._cost_s, self._images, self._laps.without_better
                )

    def reason(self) -> str | None:
        """Return which goal was reached at the last look; None: the run goes on.

        Raises:
            TaskError: a rule raised.
        """
        return reached(self._goals, self.progress)

    def _add(self, record: Record) -> None:
        if self._goals.rule is not None:
            self._records = self._records.added(record)
        before = self._leader.best
        match record:
            case Report():
                self._leader.measured(record)
                self._cost_s += record.cost_s
                self._images += record.images
            case Measurement():
                self._leader.measured(self._leader.last[record.member].again(record), again=True)
                self._cost_s += record.cost_s
            case Retire():
                self._leader.retired(record.member)
        best = self._leader.best
        if best is not None and (before is None or best.score > before.score):
            self._laps.better = True
        self._laps.add(record)


class _Laps:
    """Counts the ready intervals that every living member has trained through."""

    def __init__(self, ready_interval: int) -> None:
        self._ready_interval = ready_interval
        self._of: dict[int, int] = {}  # of each living member
        self._with = Counter[int]()  # how many members have so many
        self._all = 0  # that everybody has
        self.better = False  # whether the best became better since everybody had the last one
        self.without_better = 0  # in a row

    def add(self, record: Record) -> None:
        """Take in where a member stands, or that it is gone."""
        match record:
            case Birth() | Report():
                self._stands(record.member, record.trained_steps)
            case Exploit(trained_steps=int() as place):
                self._stands(record.recipient, place)
            case Retire():
                self._gone(record.member)
        while self._of and not self._with[self._all]:
            del self._with[self._all]
            self._all += 1
            self.without_better = 0 if self.better else self.without_better + 1
            self.better = False

    def _stands(self, member: int, place: int) -> None:
        self._gone(member)
        laps = place // self._ready_interval
        self._of[member] = laps
        self._with[laps] += 1
        self._all = min(self._all, laps)  # one that is born later may begin at the beginning

    def _gone(self, member: int) -> None:
        if member in self._of:
            self._with[self._of.pop(member)] -= 1

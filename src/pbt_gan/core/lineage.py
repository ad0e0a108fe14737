"""What a run's records say afterwards: scores, family tree, each member's ancestry, the winner's schedule."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pbt_gan.core.population import WHOLE, Hyperparams, Sources
from pbt_gan.core.records import Birth, Exploit, Measurement, Record, Report, Retire


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a lineage trained in one slot with one setting: one order."""

    member: int
    interval: int
    start_step: int  # age of the weights before
    end_step: int  # and after
    hyperparams: Hyperparams
    score: float
    checkpoint: str


Place = tuple[int, int]
"""Member and interval: of a report."""


@dataclass(frozen=True)
class History:
    """The effective records of a run, indexed.

    Whoever has retired is still in it, with its reports and its last one: it may be the ancestor of all, and even the
    best of the run. But it is none of the `living`, of whom `last_best` and all that tells of the members' last scores
    is taken: what somebody had who left early says nothing of where the run has come to.
    """

    births: Mapping[int, Birth]
    reports: Sequence[Report]  # by (interval, member)
    exploits: Sequence[Exploit]  # by (interval, recipient)
    retirements: Mapping[int, Retire] = field(default_factory=dict)  # by member
    leader: Report | None = None  # where states were measured again: the best of those that were kept until the end
    in_time: Sequence[Report] = field(default=(), compare=False)  # the same reports as they came

    @classmethod
    def of(cls, records: Iterable[Record]) -> "History":
        """Index records, in whatever order they were written; but measurements come after what they measure again."""
        births: dict[int, Birth] = {}
        reports: dict[Place, Report] = {}
        exploits: list[Exploit] = []
        retirements: dict[int, Retire] = {}
        leader = Leader()
        for record in records:
            match record:
                case Birth():
                    births[record.member] = record
                case Report():
                    reports[record.member, record.interval] = record
                    leader.measured(record)
                case Measurement():
                    report = reports[record.member, record.interval].again(record)
                    reports[record.member, record.interval] = report
                    leader.measured(report, again=True)
                case Exploit():
                    exploits.append(record)
                case Retire():
                    retirements[record.member] = record
                    leader.retired(record.member)
        exploits.sort(key=lambda exploit: (exploit.interval, exploit.recipient))
        in_order = sorted(reports.values(), key=lambda report: (report.interval, report.member))
        return cls(
            births=dict(sorted(births.items())),
            reports=tuple(in_order),
            exploits=tuple(exploits),
            retirements=retirements,
            leader=leader.found,
            in_time=tuple(reports.values()),
        )

    @cached_property
    def by_member(self) -> Mapping[int, Sequence[Report]]:
        """Each member's reports, oldest first."""
        table: dict[int, list[Report]] = {member: [] for member in self.births}
        for report in self.reports:
            table.setdefault(report.member, []).append(report)
        return table

    @cached_property
    def last(self) -> Mapping[int, Report]:
        """Each member's newest report; of those who have retired, the one that they left with."""
        return {member: reports[-1] for member, reports in self.by_member.items() if reports}

    @cached_property
    def living(self) -> Mapping[int, Report]:
        """The newest report of each member that has not retired."""
        return {member: report for member, report in self.last.items() if member not in self.retirements}

    @cached_property
    def member_steps(self) -> int:
        """Steps that all members have trained together. What a parent trained before a birth is counted once."""
        return sum(self.steps_of(report) for report in self.reports)

    def steps_of(self, report: Report) -> int:
        """Return how many steps an order has trained, or would have if its member had not diverged on the way."""
        before = self._report_at.get((report.member, report.interval - 1))
        exploit = self._exploit_at.get((report.member, report.interval - 1))
        if exploit is not None and exploit.trained_steps is not None:
            return report.trained_steps - exploit.trained_steps
        birth = self.births.get(report.member)
        begins = before.trained_steps if before is not None else birth.trained_steps if birth is not None else 0
        return report.trained_steps - begins

    @cached_property
    def best(self) -> Report | None:
        """The report with the highest finite score of the whole run, as far as it was kept; the earliest of equals."""
        if self.leader is not None:
            return self.leader
        return max((r for r in self.reports if math.isfinite(r.score)), key=lambda r: r.score, default=None)

    @cached_property
    def last_best(self) -> Report | None:
        """The best of the newest reports of the living."""
        return max((r for r in self.living.values() if math.isfinite(r.score)), key=lambda r: r.score, default=None)

    @cached_property
    def changes(self) -> Sequence[Exploit]:
        """The decisions that changed a member."""
        return tuple(exploit for exploit in self.exploits if not exploit.kept)

    @cached_property
    def _report_at(self) -> Mapping[tuple[int, int], Report]:
        return {(report.member, report.interval): report for report in self.reports}

    @cached_property
    def _place_of(self) -> Mapping[str, tuple[int, int]]:
        return {report.checkpoint: (report.member, report.interval) for report in self.reports}

    @cached_property
    def _exploit_at(self) -> Mapping[tuple[int, int], Exploit]:
        return {(exploit.recipient, exploit.interval): exploit for exploit in self.exploits}

    def parent(self, member: int, interval: int) -> tuple[int, int] | None:
        """Return whose weights, after which interval, an order began with; None: new ones, or those of its start.

        Of a state put together from several, the one that gave all that is not named; see `WHOLE`.
        """
        previous = interval - 1
        if previous == 0:
            born = self.births.get(member)
            return self._place_of.get(_main(born.sources)) if born else None
        exploit = self._exploit_at.get((member, previous))
        return (member, previous) if exploit is None else self._place_of.get(_main(exploit.sources))

    def ancestry(self, member: int, interval: int) -> tuple[Segment, ...]:
        """Return every order that went into these weights, oldest first, also those before a birth with a state.

        Raises:
            KeyError: there is no report of this member and interval.
        """
        segments: list[Segment] = []
        place: tuple[int, int] | None = (member, interval)
        while place is not None:
            report = self._report_at[place]
            place = self.parent(*place)
            start = self._report_at[place].step if place else self._first_step(report.member, report.interval)
            segments.append(
                Segment(
                    report.member,
                    report.interval,
                    start,
                    report.step,
                    report.hyperparams,
                    report.score,
                    report.checkpoint,
                )
            )
        return tuple(reversed(segments))

    def assembled(self, member: int, interval: int) -> bool:
        """Whether anything that went into these weights began with a state of components from several members.

        Then `ancestry` tells of one of them only: of the one that gave all that was not exchanged.
        """
        return any(len(self._begun_with(each.member, each.interval)) > 1 for each in self.ancestry(member, interval))

    def one_line(self, one: Place, other: Place) -> bool:
        """Whether two states come of one: they share an order, and neither was given components of others since.

        Raises:
            KeyError: there is no such report.
        """
        first, second = ([(each.member, each.interval) for each in self.ancestry(*place)] for place in (one, other))
        shared = {*first} & {*second}
        apart = {*first, *second} - shared
        return bool(shared) and all(len(self._begun_with(*place)) < 2 for place in apart)

    def _begun_with(self, member: int, interval: int) -> Sources:
        """Return the checkpoints that an order began with, if it was not the slot's own last one."""
        before = self._before(member, interval)
        return before.sources if before else {}

    def _first_step(self, member: int, interval: int) -> int:
        """Return the age of the weights that an order began with who have no parent in this run."""
        before = self._before(member, interval)
        return before.step if before else 0

    def _before(self, member: int, interval: int) -> Birth | Exploit | None:
        """Return what was said about a member right before an order."""
        return self._exploit_at.get((member, interval - 1)) if interval > 1 else self.births.get(member)

    def schedule(self, member: int, interval: int) -> tuple[tuple[int, Hyperparams], ...]:
        """Return the hyperparameters along a lineage, as (from this step on, values), without repetitions."""
        schedule: list[tuple[int, Hyperparams]] = []
        for segment in self.ancestry(member, interval):
            if not schedule or schedule[-1][1] != segment.hyperparams:
                schedule.append((segment.start_step, segment.hyperparams))
        return tuple(schedule)

    def edges(self) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
        """Return the family tree: ((member, interval) of the parent, (member, interval) of the child)."""
        pairs = ((self.parent(r.member, r.interval), (r.member, r.interval)) for r in self.reports)
        return tuple((parent, child) for parent, child in pairs if parent is not None)


def _main(sources: Sources) -> str:
    """Return the checkpoint to which a state owes most; "": none."""
    return sources.get(WHOLE) or min(sources.values(), default="")


class Leader:
    """Finds the best report as the controller has kept its state.

    Measured again, the best may fall behind. What was better than it long ago is of no use then: its state is gone.
    """

    def __init__(self) -> None:
        self.best: Report | None = None  # with a finite score
        self.found: Report | None = None  # None: nothing was measured again, so it is simply the one that ranks highest
        self.last: dict[int, Report] = {}  # of the living

    def measured(self, report: Report, *, again: bool = False) -> None:
        """Take a member's newest report in, or the same one with the mean of its measurements."""
        self.last[report.member] = report
        rivals: Iterable[Report] = [report]
        if self.best is not None and self.best.checkpoint == report.checkpoint:
            self.best, rivals = None, self.last.values()
        for rival in rivals:
            if math.isfinite(rival.score) and (self.best is None or _merit(rival) > _merit(self.best)):
                self.best = rival
        if again or self.found is not None:
            self.found = self.best

    def retired(self, member: int) -> None:
        """Look no more to a member for a new best."""
        self.last.pop(member, None)


def _merit(report: Report) -> tuple[float, int, int]:
    return report.score, -report.interval, -report.member

"""What a run did in the order of time, the same whatever trained it.

Intervals are no clock: a member that is born late counts from 1 again, and one that retires stops early. The journal is
in the order of time, but workers answer in the order of their speed. Between two decisions of a synchronous run it is
the same *set* of reports that comes in, however fast each is; so reports are taken up to a decision, and sorted there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pbt_gan.core.lineage import History
from pbt_gan.core.records import Birth, Decision, Exploit, Failure, Measure, Measurement, Record, Report


@dataclass(frozen=True, slots=True)
class Wave:
    """Reports, and what was decided after they had all come in."""

    reports: Sequence[Report]  # least trained first, as members are given their orders
    decisions: Sequence[Decision]


def timeline(journal: Iterable[Record]) -> "Timeline":
    """Return the effective records of a run in the order of time; the first wave holds the births of the start.

    A state that was measured again has one report, with the means, and with what all of its measurements cost.
    """
    found: list[tuple[list[Report], list[Decision]]] = [([], [])]
    last: dict[int, tuple[list[Report], int]] = {}  # of each member: where its report stands
    for record in journal:
        match record:
            case Failure() | Measure():
                pass
            case Measurement():
                reports, place = last[record.member]
                reports[place] = reports[place].again(record)
            case Report():
                if found[-1][1]:
                    found.append(([], []))
                last[record.member] = found[-1][0], len(found[-1][0])
                found[-1][0].append(record)
            case decision:
                found[-1][1].append(decision)
    return Timeline(
        [
            Wave(sorted(reports, key=lambda report: (report.trained_steps, report.interval, report.member)), decisions)
            for reports, decisions in found
        ]
    )


@dataclass(frozen=True)
class Timeline:
    """A run, or its first part, in the order of time."""

    waves: Sequence[Wave]

    @property
    def reports(self) -> list[Report]:
        """All reports, in the order of time."""
        return [report for wave in self.waves for report in wave.reports]

    @property
    def history(self) -> History:
        """The same records, indexed, without copies of which no training is left."""
        there = {(report.member, report.interval) for report in self.reports}
        return History.of(
            record
            for wave in self.waves
            for record in (*wave.reports, *wave.decisions)
            if not isinstance(record, Exploit) or (record.recipient, record.interval + 1) in there
        )

    def steps(self) -> list[int]:
        """Return how many steps the order of each report trained.

        A member that is born of another begins at a place in the plan that others have reached; nobody pays twice.
        """
        place, counts = dict[int, int](), list[int]()
        for wave in self.waves:
            for report in wave.reports:
                counts.append(report.trained_steps - place.get(report.member, 0))
                place[report.member] = report.trained_steps
            place |= {each.member: each.trained_steps for each in wave.decisions if isinstance(each, Birth)}
            for each in wave.decisions:
                if isinstance(each, Exploit) and each.trained_steps is not None:
                    place[each.recipient] = each.trained_steps  # skipped: it had diverged on its way there
        return counts

    def first(self, count: int) -> "Timeline":
        """Return the part with so many reports, at least one; without decisions that waited for later ones."""
        left, kept = max(count, 1), list[Wave]()
        for wave in self.waves:
            if left <= 0 and wave.reports:
                break
            whole = left >= len(wave.reports)
            kept.append(Wave(wave.reports[: max(left, 0)], wave.decisions if whole else ()))
            left -= len(wave.reports)
        return Timeline(kept)

"""Members that diverged: when and why, and what became of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pbt_gan.core.lineage import History
from pbt_gan.core.records import Exploit, Report
from pbt_gan.reporting.text import member_name, number

FEW = 3
"""How many a terminal has lines for."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """One member's end, or new beginning."""

    report: Report
    rescue: Exploit | None  # the decision that took it elsewhere; None: there was none

    @property
    def why(self) -> str:
        """What was found."""
        return self.report.diverged or f"the score is {number(self.report.score)}"

    @property
    def then(self) -> str:
        """What became of it."""
        if self.rescue is None:
            return "was not trained any more"
        if self.rescue.donor is None:
            return "started anew"
        donor, own = self.rescue.donor.member, self.report.member
        whom = "itself" if donor == own else member_name(donor)
        return f"went back to {whom} @ {self.rescue.donor.interval}"


def divergences(history: History) -> Sequence[Divergence]:
    """Return all of them, by interval and member."""
    rescues: Mapping[tuple[int, int], Exploit] = {
        (exploit.recipient, exploit.interval): exploit for exploit in history.exploits if not exploit.kept
    }
    return [
        Divergence(report, rescues.get((report.member, report.interval)))
        for report in history.reports
        if not math.isfinite(report.score)
    ]


def told(found: Sequence[Divergence]) -> list[str]:
    """Return the latest of them as lines for a terminal; how many there were comes first."""
    if not found:
        return []
    more = f"; the last {FEW}" if len(found) > FEW else ""
    times = "once" if len(found) == 1 else f"{len(found)} times"
    return [
        f"Members diverged {times}{more}:",
        *(
            f"  {member_name(each.report.member)} at step {number(each.report.step)}: {each.why}; {each.then}"
            for each in found[-FEW:]
        ),
    ]

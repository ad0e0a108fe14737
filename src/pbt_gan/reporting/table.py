"""The table of a population: one row a member."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pbt_gan.core.controller import maker_of
from pbt_gan.core.population import WHOLE, Hyperparams, RankKey, rank_key
from pbt_gan.core.records import Birth, Donor, Exploit, Measurement, Record, Report, Retire, mean_of
from pbt_gan.errors import printable
from pbt_gan.reporting.text import member_name, number


@dataclass(slots=True)
class Row:
    """What is known of one member; of one that has retired, what it left with."""

    member: int
    hyperparams: Hyperparams  # in force
    interval: int = 0
    step: int = 0  # age of the weights
    place: int = 0  # in the plan
    score: float = math.nan  # the latest
    best: float = math.nan  # the best of this member's slot so far; nan: none was finite
    donor: Donor | None = None  # whose state it copied last, or was born with
    reason: str = ""  # why it has retired
    diverged: str = ""  # why its latest state is of no use
    retired: bool = False


@dataclass
class Population:
    """Every member's row, kept up to date by one record after another."""

    rows: dict[int, Row] = field(default_factory=dict)
    _retired: int = 0

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Population":
        """Build the table of a run."""
        population = cls()
        for record in records:
            population.add(record)
        return population

    def add(self, record: Record) -> None:
        """Take one record in."""
        match record:
            case Birth():
                step, place = record.step, record.trained_steps
                self.rows[record.member] = Row(record.member, record.hyperparams, 0, step, place, donor=_parent(record))
            case Report():
                row = self.rows.setdefault(record.member, Row(record.member, record.hyperparams))
                row.hyperparams = record.hyperparams
                row.interval, row.step, row.score = record.interval, record.step, record.score
                row.place = record.trained_steps
                row.diverged = record.diverged
                if math.isfinite(record.score) and not row.best >= record.score:
                    row.best = record.score
            case Measurement():
                row = self.rows[record.member]
                row.score, _ = mean_of(row.score, None, record)
            case Exploit():
                row = self.rows[record.recipient]
                row.hyperparams = record.after
                row.donor = record.donor or row.donor
            case Retire():
                row = self.rows[record.member]
                row.retired, row.reason = True, record.reason
                self._retired += 1

    @property
    def size(self) -> int:
        """How many have not retired."""
        return len(self.rows) - self._retired

    @property
    def living(self) -> list[Row]:
        """The rows of those who have not retired, best last score first."""
        return [row for row in self.ranked() if not row.retired]

    def ranked(self) -> list[Row]:
        """The rows: the living, best last score first, then those who have retired."""
        return sorted(self.rows.values(), key=_merit, reverse=True)


def _parent(birth: Birth) -> Donor | None:
    checkpoint = birth.sources.get(WHOLE, "")
    made = maker_of(checkpoint)
    return None if made is None else Donor(*made, birth.step, checkpoint)


def _merit(row: Row) -> tuple[bool, RankKey]:
    return not row.retired, rank_key(row.score, row.member)


def quantile(scores: Iterable[float], share: float) -> float:
    """Return a quantile of some members' scores, where one that diverged counts as the lowest.

    >>> quantile([3.0, 1.0, math.nan, 2.0], 0.5), quantile([1.0, math.nan], 0.25)
    (1.5, nan)
    """
    ordered = sorted(score if math.isfinite(score) else -math.inf for score in scores)
    if not ordered:
        return math.nan
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return math.nan if low == -math.inf else low + (place % 1) * (high - low)


def header(rows: Sequence[Row]) -> list[str]:
    """Return the columns' titles: where nobody has another age than its place in the plan, one stands for both."""
    ends = ["retired"] if any(row.retired for row in rows) else []
    return ["member", *_clocks(rows), "score", "best", *_names(rows), "donor", *ends]


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Return the rows as text, in the columns of `header`."""
    names, clocks = _names(rows), _clocks(rows)
    ends = any(row.retired for row in rows)
    return [
        [
            member_name(row.member),
            *(number(getattr(row, clock)) for clock in clocks),
            number(row.score) if row.interval else "–",
            number(row.best) if row.interval else "–",
            *(number(row.hyperparams.get(name, "")) for name in names),
            f"{member_name(row.donor.member)} @ {row.donor.interval}" if row.donor else "",
            *([f"at {number(row.place)}" if row.retired else ""] if ends else []),
        ]
        for row in rows
    ]


def render(rows: Sequence[Row], limit: int | None = None) -> RenderableType:
    """Return the table for a terminal, the best member's row in bold. Those who have retired are told in one line.

    Args:
        rows: the members.
        limit: how many rows there is room for; if there are more, those that rank first are shown.
    """
    living = [row for row in rows if not row.retired]
    ranked = sorted(living, key=_merit, reverse=True)
    shown = sorted(ranked[:limit], key=lambda row: row.member)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in header(shown):
        table.add_column(title, justify="left" if title == "member" else "right", no_wrap=True)
    for row, line in zip(shown, cells(shown), strict=True):
        best = row is ranked[0] and math.isfinite(row.score)
        style = "bold green" if best else "red" if row.interval and not math.isfinite(row.score) else ""
        table.add_row(*(Text(cell) for cell in line), style=style)
    hidden, gone = len(living) - len(shown), len(rows) - len(living)
    below = [f"and {hidden} more that rank lower"] if hidden else []
    below += [f"{gone} retired"] if gone else []
    below += [f"{member_name(row.member)} has diverged: {printable(row.diverged)}" for row in shown if row.diverged]
    return Group(*([table] if shown else []), *(Text(line, style="dim") for line in below))


def _clocks(rows: Sequence[Row]) -> list[str]:
    return ["place", "step"] if any(row.place != row.step for row in rows) else ["step"]


def _names(rows: Sequence[Row]) -> list[str]:
    return sorted({name for row in rows for name in row.hyperparams})

"""RUN/metrics.csv: one tidy row a report."""

import csv
import io
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from pbt_gan import files
from pbt_gan.core.records import Exploit, Measurement, Record, Report, Retire
from pbt_gan.errors import FORMULA, StorageError, printable
from pbt_gan.interfaces import Images, RunContext

_FIRST = ("member", "interval", "step", "trained_steps", "score")
_LAST = ("donor", "images", "cost_s")


@dataclass(slots=True)
class _Row:
    report: Report
    donor: int | None = None
    settled: bool = False  # nothing of it will change any more


class MetricsTable:
    """Keeps RUN/metrics.csv: the metrics and the hyperparameters of every report.

    `donor` is the member whose state was copied after that report, at the same ready point. The table is made anew
    from the records when a run begins or goes on, so a resumed run leaves no row of a cancelled report behind. Then it
    grows: in memory are only the rows that may still change, however many there are in the file.
    """

    def start(self, context: RunContext) -> None:
        """Take in the run so far."""
        assert context.folder is not None
        self._path = context.folder / "metrics.csv"
        self._open: deque[_Row] = deque()  # from the first one that is not settled, in the order of their coming
        self._latest: dict[int, _Row] = {}  # by member
        self._metrics: list[str] = []
        self._hyperparams: list[str] = []
        self._is_behind = False
        self._write_anew([])
        for record in context.records:
            self._add(record)
        self.flush()

    def record(self, record: Record, preview: Images | None) -> None:
        """Take one record in."""
        self._add(record)

    def flush(self) -> None:
        """Write what is new: rows that are settled for good, and behind them those that may change."""
        if not self._is_behind:  # as when a run ends: a full disk could take rows from a table that is whole
            return
        if not self._path.exists() or self._path.stat().st_size < self._size:
            raise StorageError(
                f"{self._path} was taken away or cut; `pbt-gan report {self._path.parent}` makes it anew."
            )
        self._find_room()
        settled = [*takewhile(lambda row: row.settled, self._open)]
        kept, rest = ([self._cells(row) for row in rows] for rows in (settled, [*self._open][len(settled) :]))
        whole = _csv(kept).encode()
        file = files.Appender(self._path, size=self._size)
        try:
            file.append(whole + _csv(rest).encode())
        finally:
            file.close()
        self._size += len(whole)
        self._is_behind = False
        for _ in settled:
            self._open.popleft()

    def close(self, ending: str) -> None:
        """Write what is new."""
        self.flush()

    def _add(self, record: Record) -> None:
        self._is_behind = True
        match record:
            case Report():
                self._settle(record.member)
                row = _Row(record)
                self._open.append(row)
                self._latest[record.member] = row
            case Measurement():
                row = self._latest[record.member]
                row.report = row.report.again(record)
            case Exploit():
                self._settle(record.recipient, None if record.donor is None else record.donor.member)
            case Retire():
                self._settle(record.member)

    def _settle(self, member: int, donor: int | None = None) -> None:
        if (row := self._latest.pop(member, None)) is not None:
            row.donor, row.settled = donor, True

    def _find_room(self) -> None:
        """Give every name that is new a column."""
        reports = [row.report for row in self._open]
        metrics = sorted({*self._metrics, *(name for report in reports for name in report.metrics)} - {"score"})
        hyperparams = sorted({*self._hyperparams, *(name for report in reports for name in report.hyperparams)})
        if (metrics, hyperparams) == (self._metrics, self._hyperparams):
            return
        _, *written = csv.reader(io.StringIO(self._path.read_bytes()[: self._size].decode()))
        before = self._titles()
        self._metrics, self._hyperparams = metrics, hyperparams
        rows = [dict(zip(before, cells, strict=True)) for cells in written]
        self._write_anew([[cells.get(title, "") for title in self._titles()] for cells in rows])

    def _write_anew(self, rows: Iterable[Sequence[Any]]) -> None:
        text = _csv([[_cell(name) for _, name in self._titles()], *rows]).encode()
        files.write(self._path, text, durable=False)
        self._size = len(text)  # bytes that are settled

    def _titles(self) -> list[tuple[str, str]]:
        """Return where each column is from, and its name: a metric may be called as a hyperparameter is."""
        kinds = {"first": _FIRST, "metric": self._metrics, "hyperparam": self._hyperparams, "last": _LAST}
        return [(kind, name) for kind, names in kinds.items() for name in names]

    def _cells(self, row: _Row) -> list[Any]:
        report = row.report
        return [
            *(getattr(report, name) for name in _FIRST),
            *(report.metrics.get(name, "") for name in self._metrics),
            *(_cell(report.hyperparams.get(name, "")) for name in self._hyperparams),
            "" if row.donor is None else row.donor,
            report.images,
            report.cost_s,
        ]


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Return a name or a value as no terminal and no spreadsheet takes it for more than a text."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text

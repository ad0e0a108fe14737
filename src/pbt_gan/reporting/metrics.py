"""RUN/metrics.csv: one tidy row a report."""

import csv
import io
from typing import Any

from pbt_gan import files
from pbt_gan.core.records import Exploit, Measurement, Record, Report
from pbt_gan.errors import FORMULA, printable
from pbt_gan.interfaces import Images, RunContext

_FIRST = ("member", "interval", "step", "trained_steps", "score")
_LAST = ("donor", "images", "cost_s")


class MetricsTable:
    """Keeps RUN/metrics.csv: the metrics and the hyperparameters of every report.

    `donor` is the member whose state was copied after that report, at the same ready point. The table is made anew
    from the records at each flush, so a resumed run leaves no row of a cancelled report behind.
    """

    def start(self, context: RunContext) -> None:
        """Take in the run so far."""
        assert context.folder is not None
        self._path = context.folder / "metrics.csv"
        self._reports: dict[tuple[int, int], Report] = {}
        self._donors: dict[tuple[int, int], int] = {}
        for record in context.records:
            self._add(record)
        self.flush()

    def record(self, record: Record, preview: Images | None) -> None:
        """Take one record in."""
        self._add(record)

    def flush(self) -> None:
        """Write the table."""
        files.write(self._path, self._csv().encode(), durable=False)

    def close(self, ending: str) -> None:
        """Write the table."""
        self.flush()

    def _add(self, record: Record) -> None:
        match record:
            case Report():
                self._reports[record.member, record.interval] = record
            case Measurement():
                place = record.member, record.interval
                self._reports[place] = self._reports[place].again(record)
            case Exploit() if record.donor is not None:
                self._donors[record.recipient, record.interval] = record.donor.member

    def _csv(self) -> str:
        reports = self._reports.values()
        metrics = sorted({name for report in reports for name in report.metrics} - {"score"})
        hyperparams = sorted({name for report in reports for name in report.hyperparams})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*_FIRST, *map(_cell, metrics), *map(_cell, hyperparams), *_LAST])
        for place, report in self._reports.items():
            writer.writerow(
                [
                    *(getattr(report, name) for name in _FIRST),
                    *(report.metrics.get(name, "") for name in metrics),
                    *(_cell(report.hyperparams.get(name, "")) for name in hyperparams),
                    self._donors.get(place, ""),
                    report.images,
                    report.cost_s,
                ]
            )
        return text.getvalue()


def _cell(value: Any) -> Any:
    """Return a name or a value as no terminal and no spreadsheet takes it for more than a text."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text

"""What a journal's entries amount to: the effective records, the last commit, and how the run ended."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbt_gan.core.records import Failure, Json, Record, Report, from_json
from pbt_gan.store.journal import damaged


@dataclass
class Progress:
    """A run as far as its journal tells it.

    A commit covers `upto` reports and whatever follows the last of them before the next one. A resume cancels all
    that the last commit does not cover; before any commit that is everything, births too.
    """

    run: Json  # the `run` entry; its config with the changes of later resumes
    records: list[Record] = field(default_factory=list)  # the effective ones
    upto: int = 0  # reports that the last commit covers
    checkpoints: Mapping[str, str] = field(default_factory=dict)  # of the last commit: key → sha256
    ending: str | None = None  # as last written; None: no end was written
    _reports: list[int] = field(default_factory=list)  # places of the reports in `records`
    _committed: int = 0  # how many of `records` the last commit covers

    @classmethod
    def of(cls, path: Path, entries: Sequence[Json]) -> "Progress":
        """Follow the entries of a journal.

        Raises:
            DamageError: an entry is sound but makes no sense; says which.
        """
        progress = cls(copy.deepcopy(dict(entries[0])))
        for number, entry in enumerate(entries[1:], 2):
            try:
                progress._follow(entry)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                raise damaged(path, number) from error
        return progress

    def cancel(self) -> None:
        """Drop every record that the last commit does not cover."""
        del self.records[self._committed :]
        answered = set[int]()
        kept: list[Record] = []
        for record in reversed(self.records):
            if isinstance(record, Report):
                answered.add(record.member)
            # An order that was under way is given anew, and its attempts are counted anew.
            if not isinstance(record, Failure) or record.member in answered:
                kept.append(record)
        self.records = kept[::-1]
        self._committed = len(self.records)
        self._reports = [place for place, record in enumerate(self.records) if isinstance(record, Report)]

    def change(self, changed: Json) -> None:
        """Set values of the run's config, dotted key → value; None: the key is not there any more."""
        for dotted, value in changed.items():
            *tables, key = dotted.split(".")
            table: dict[str, Any] = self.run["config"]
            for name in tables:
                table = table.setdefault(name, {})
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value

    def _follow(self, entry: Json) -> None:
        match entry["type"]:
            case "commit":
                self.upto = entry["upto"]
                self.checkpoints = dict(entry["checkpoints"])
                beyond = self._reports[self.upto :][:1]
                self._committed = beyond[0] if beyond else len(self.records)
            case "resume":
                self.ending = None
                self.cancel()
                self.change(entry["changed"])
            case "end":
                self.ending = entry["ending"]
            case _:
                record = from_json(entry)
                if isinstance(record, Report):
                    self._reports.append(len(self.records))
                if record is not None:
                    self.records.append(record)

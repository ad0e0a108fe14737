"""What a journal's entries amount to: the effective records, the last commit, and how the run ended."""

import copy
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pbt_gan.core.records import Failure, Json, Measurement, Record, Report, UnknownRecordError, from_json
from pbt_gan.errors import RunFolderError
from pbt_gan.interfaces import Fallback, Usage
from pbt_gan.store.journal import READABLE, damaged, written_by

_NEEDED: Mapping[str, Mapping[str, type]] = {
    "run": {"format": int, "config": dict, "cards": dict},
    "commit": {"upto": int, "checkpoints": dict},
    "resume": {"upto": int, "changed": dict},
    "end": {"ending": str},
}
"""The journal's own kinds of entries, beside those of `core.records`, and what their fields hold."""

_OPTIONAL: Mapping[str, Mapping[str, type]] = {
    "run": {"name": str, "versions": dict, "began_with": dict, "fingerprint": dict, "places": dict, "time": dict},
    "commit": {"generations": int, "time": dict},
    "resume": {"versions": dict, "places": dict, "damaged": list, "time": dict},
    "end": {"time": dict},
}


@dataclass(frozen=True, slots=True)
class Commit:
    """A cut that a run can go on from."""

    upto: int = 0  # reports that it covers
    checkpoints: Mapping[str, str] = field(default_factory=dict)  # key → sha256
    records: int = 0  # how many of the effective records it covers


_NOTHING = Commit()


def kept(commits: Sequence[Commit], commit: Commit, generations: int) -> list[Commit]:
    """Return the commits whose checkpoints are kept once another one is written, the newest last.

    One that names no checkpoint but those of the last one takes its place: a run that is stopped commits once more, and
    whatever damages the second of two such commits damages the first.

    Args:
        commits: those until then.
        commit: the new one.
        generations: of so many, at least 1, the checkpoints are kept.
    """
    if commits and commit.checkpoints.keys() <= commits[-1].checkpoints.keys():
        commits = commits[:-1]
    return [*commits, commit][-generations:]


def all_checkpoints(commits: Sequence[Commit]) -> Mapping[str, str]:
    """Return every checkpoint that is named: key → sha256."""
    return {key: digest for commit in commits for key, digest in commit.checkpoints.items()}


@dataclass
class EffectiveJournal:
    """A run as far as its journal tells it.

    A commit covers `upto` reports and whatever follows the last of them before the next one. A resume cancels all
    that the last commit does not cover; before any commit that is everything, births too. Where checkpoints of the
    last commit were damaged, it says which, and goes on from the newest commit that names none of them.
    """

    run: Json  # the `run` entry; its config with the changes of later resumes
    records: list[Record] = field(default_factory=list)  # the effective ones
    commits: list[Commit] = field(default_factory=list)  # those whose checkpoints are kept, the newest last
    fallbacks: list[Fallback] = field(default_factory=list)
    ending: str | None = None  # as last written; None: no end was written
    usage: Usage = field(default_factory=Usage)  # of the workers, of all sessions whose ends tell it
    named: dict[str, str | None] = field(default_factory=dict)  # every checkpoint there ever was → sha256, if committed
    writer: Json = field(default_factory=dict)  # the `run` or `resume` entry of who wrote the end
    _reports: list[int] = field(default_factory=list)  # places of the reports in `records`

    @classmethod
    def of(cls, path: Path, entries: Sequence[Json]) -> "EffectiveJournal":
        """Follow the entries of a journal.

        Raises:
            RunFolderError: an entry is of a kind, or has a field, that is not known here: a newer version wrote it.
            DamageError: an entry is sound but makes no sense; says which.
        """
        first, *rest = entries
        journal = cls(copy.deepcopy(dict(first)), writer=first)
        try:
            _check(first, "run")
            if any(not isinstance(card, dict) for card in first["cards"].values()):
                raise TypeError("a card is no table")
        except UnknownRecordError as error:
            raise journal._unknown(path, 1, error) from error
        except (KeyError, TypeError) as error:
            raise damaged(path, 1) from error
        journal.follow(path, rest, 2)
        return journal

    @property
    def commit(self) -> Commit:
        """The last one; one of nothing where there is none."""
        return self.commits[-1] if self.commits else _NOTHING

    @property
    def kept(self) -> Mapping[str, str]:
        """Every checkpoint that is kept: key → sha256."""
        return all_checkpoints(self.commits)

    def follow(self, path: Path, entries: Sequence[Json], number: int) -> None:
        """Follow what was written next; `number` is the line of the first of these.

        Raises:
            RunFolderError, DamageError: as of `of`.
        """
        for line, entry in enumerate(entries, number):
            try:
                self._follow(entry)
            except UnknownRecordError as error:
                raise self._unknown(path, line, error) from error
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
                raise damaged(path, line) from error

    def cancel(self) -> None:
        """Drop every record that the last commit does not cover."""
        del self.records[self.commit.records :]
        answered = set[int]()
        dropped = list[int]()
        for place in reversed(range(len(self.records))):
            record = self.records[place]
            if isinstance(record, Report | Measurement):
                answered.add(record.member)
            # An order that was under way is given anew, and its attempts are counted anew.
            if isinstance(record, Failure) and record.member not in answered:
                dropped.append(place)
        for place in dropped:
            del self.records[place]
        self.commits = [
            replace(commit, records=commit.records - sum(place < commit.records for place in dropped))
            for commit in self.commits
        ]
        self._reports = [place for place, record in enumerate(self.records) if isinstance(record, Report)]

    def fall_back(self, damaged: Collection[str]) -> None:
        """Give up the newest commits, as far as they name damaged checkpoints; `cancel` drops what they covered.

        Raises:
            ValueError: no commit is left.
        """
        last = self.commit
        sound = [commit for commit in self.commits if commit.checkpoints.keys().isdisjoint(damaged)]
        if damaged and not sound:
            raise ValueError("no commit is whole")
        while self.commit.checkpoints.keys() & damaged:
            self.commits.pop()
        if self.commit is not last:
            self.fallbacks.append(Fallback(tuple(damaged), self.commit.upto, last.upto - self.commit.upto))

    def change(self, changed: Json, places: Json) -> None:
        """Set values of the run's config, dotted key → value (None: the key is not there any more), and its places."""
        for dotted, value in changed.items():
            *tables, key = dotted.split(".")
            table: dict[str, Any] = self.run["config"]
            for name in tables:
                table = table.setdefault(name, {})
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        if places:
            self.run = {**self.run, "places": places}

    def _follow(self, entry: Json) -> None:
        match entry["type"]:
            case "commit":
                _check(entry, "commit")
                if not 0 <= entry["upto"] <= len(self._reports):
                    raise ValueError("it covers reports that are not there")
                for key in entry["checkpoints"]:
                    _check_key(key)
                if (generations := entry.get("generations", 1)) < 1:
                    raise ValueError("it keeps nothing")
                beyond = self._reports[entry["upto"] :][:1]
                covered = beyond[0] if beyond else len(self.records)
                commit = Commit(entry["upto"], dict(entry["checkpoints"]), covered)
                self.commits = kept(self.commits, commit, generations)
                self.named |= entry["checkpoints"]
            case "resume":
                _check(entry, "resume")
                self.ending = None
                self.fall_back(entry.get("damaged", ()))
                if entry["upto"] != self.commit.upto:
                    raise ValueError("it goes on from another commit")
                self.cancel()
                self.change(entry["changed"], entry.get("places", {}))
                self.writer = entry
            case "end":
                _check(entry, "end")
                self.ending = entry["ending"]
                self.usage += _usage(entry.get("time", {}))
            case _:
                record = from_json(entry)
                if isinstance(record, Report):
                    _check_key(record.checkpoint)
                    self._reports.append(len(self.records))
                    self.named.setdefault(record.checkpoint, None)
                self.records.append(record)

    def _unknown(self, path: Path, line: int, error: UnknownRecordError) -> RunFolderError:
        version = self.run.get("format", "?")
        return RunFolderError(
            f"{path}, line {line}, has {error}, which this pbt-gan does not know; the run has format "
            f"{version}{written_by(self.writer)}, and {READABLE[0]} to {READABLE[-1]} are read here. "
            "Use a newer pbt-gan, the one that wrote it."
        )


def _usage(time: Json) -> Usage:
    """Return how the workers of a session were used; of nothing, where its end does not tell."""
    spans = [float(time.get(name, 0.0)) for name in ("busy_s", "waiting_s")]
    if not all(0 <= span < math.inf for span in spans):
        raise ValueError(f"workers were used for {spans} seconds")
    return Usage(*spans)


def _check(entry: Json, kind: str) -> None:
    """Check that an entry of the journal's own has its fields and no others.

    Raises:
        UnknownRecordError: it has another one.
        KeyError, TypeError: one is missing, or of a wrong type.
    """
    needed, optional = _NEEDED[kind], _OPTIONAL[kind]
    for name, value in entry.items():
        if name == "type":
            continue
        if name not in needed and name not in optional:
            raise UnknownRecordError(f"the field {name!r} of an entry of the kind {kind!r}")
        expected = needed.get(name) or optional[name]
        if type(value) is not expected:
            raise TypeError(f"{name} is no {expected.__name__}")
    if missing := needed.keys() - entry.keys():
        raise KeyError(*missing)


def _check_key(key: object) -> None:
    """Raise ValueError if a checkpoint's key would lead out of the folder of checkpoints."""
    if not isinstance(key, str) or not key or key.startswith(".") or "/" in key or "\0" in key:
        raise ValueError(f"{key!r} is no key of a checkpoint")

"""Whether a journal's records make sense together: each is about members and states that were there before it.

Each line of a journal may be sound, and the whole of it nonsense that somebody has made up: a state that comes from
itself would be followed back for ever. Whoever interprets a run may rely on what is checked here.
"""

from collections.abc import Iterable
from pathlib import Path

from pbt_gan.core.records import Birth, Exploit, Measurement, Record, Report
from pbt_gan.errors import DamageError


def check_sense(folder: Path, records: Iterable[Record]) -> None:
    """Check the effective records of a run.

    Raises:
        DamageError: one is about a member or a state that is not there.
    """
    sense = _Sense()
    for number, record in enumerate(records, 1):
        if not sense.made_by(record):
            kind = type(record).__name__.lower()
            raise DamageError(
                f"{folder} makes no sense: record {number}, a {kind}, is about a member or a state that is not there. "
                "Restore its journal from a copy."
            )


class _Sense:
    def __init__(self) -> None:
        self._last: dict[int, int] = {}  # each member's newest interval
        self._made: set[str] = set()  # checkpoints
        self._named: set[str] = set()  # as sources, and not made before

    def made_by(self, record: Record) -> bool:
        """Take the next record; whether it fits to those before."""
        match record:
            case Birth():
                is_new = record.member not in self._last
                self._last[record.member] = 0
                self._named |= {*record.sources.values()} - self._made
                return is_new
            case Report():
                follows = self._last.get(record.member) == record.interval - 1
                is_new = record.checkpoint not in self._made and record.checkpoint not in self._named
                self._last[record.member] = record.interval
                self._made.add(record.checkpoint)
                return follows and is_new
            case Exploit():
                self._named |= {*record.sources.values()} - self._made
                donor = record.donor
                return record.recipient in self._last and (
                    donor is None or self._is_there(donor.member, donor.interval)
                )
            case Measurement():
                return self._is_there(record.member, record.interval)
        return record.member in self._last

    def _is_there(self, member: int, interval: int) -> bool:
        return 1 <= interval <= self._last.get(member, 0)

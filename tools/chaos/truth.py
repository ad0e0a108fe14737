"""What a run is compared by, whatever has befallen it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pbt_gan.core.records import Failure, Record, to_json
from pbt_gan.store import checkpoints
from pbt_gan.store.effective import EffectiveJournal
from pbt_gan.store.journal import path_of, read
from pbt_gan.store.reader import checkpoint_bytes, kept_checkpoints


def without_failures(records: Sequence[Record]) -> list[Record]:
    """Return the records that a resume keeps: failures of orders that were not answered are forgotten."""
    return [record for record in records if not isinstance(record, Failure)]


def loose_files(folder: Path) -> Iterator[str]:
    """Yield what lies in the folder of a run that ended by itself and should not."""
    there = {path.name for path in checkpoints.folder_of(folder).iterdir()}
    kept = {checkpoints.path_of(folder, key).name for key in kept_checkpoints(folder)}
    yield from sorted(f"checkpoints/{name}" for name in there ^ kept)
    yield from (path.name for path in folder.glob(".*") if path.name not in (".lock",))


def essence(folder: Path) -> Any:
    """Return everything about a run that no fault may change where it is synchronous, and its last weights."""
    effective = EffectiveJournal.of(path_of(folder), read(path_of(folder)).entries)
    decided = [to_json(record) for record in without_failures(effective.records)]
    for entry in decided:
        entry.pop("time", None)
    weights = {key: checkpoint_bytes(folder, key) for key in effective.commit.checkpoints}
    return sorted(map(repr, decided)), weights

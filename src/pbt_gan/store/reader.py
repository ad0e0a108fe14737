"""A run's folder, read; also of a run that still trains."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pbt_gan.core.records import Record
from pbt_gan.errors import RunFolderError
from pbt_gan.interfaces import RunView
from pbt_gan.store import checkpoints
from pbt_gan.store.effective import EffectiveJournal
from pbt_gan.store.journal import path_of, read
from pbt_gan.store.lock import held


def read_run(folder: Path) -> RunView:
    """Read what a run did so far; `ending` is "interrupted" if it was cut off without a word.

    Raises:
        RunFolderError: there is no run, or one of another format version.
        DamageError: its journal is damaged before the last commit.
    """
    living = held(folder)  # before the journal: one that ends meanwhile leaves its ending there
    journal = _effective(folder)
    ending = journal.ending or ("running" if living else "interrupted")
    return RunView(folder, journal.run, tuple(journal.records), ending, tuple(journal.fallbacks), journal.usage)


def checkpoint_bytes(folder: Path, key: str) -> bytes:
    """Return a checkpoint that the run keeps, in the codec.

    Raises:
        RunFolderError: there is no run, or it does not keep this checkpoint.
        DamageError: the file is not what was written.
    """
    kept = _effective(folder).kept
    while not checkpoints.path_of(folder, key).exists():
        now = _effective(folder).kept
        if now == kept:
            break
        kept = now  # a living run has committed and removed the file meanwhile
    if key not in kept:
        raise RunFolderError(
            f"{folder} keeps no checkpoint {key}; it keeps {', '.join(sorted(kept)) or 'none'}. "
            "A run keeps the newest of those who have not retired, and the best, of its last commits."
        )
    return checkpoints.read(folder, key, kept[key])


def kept_checkpoints(folder: Path) -> frozenset[str]:
    """Return the keys of the checkpoints that the run keeps.

    Raises:
        RunFolderError: there is no run.
    """
    return frozenset(_effective(folder).kept)


def committed(folder: Path) -> Iterator[Sequence[Record]]:
    """Yield the effective records that each commit covers whose checkpoints are kept, the newest commit first.

    Raises:
        RunFolderError: there is no run.
    """
    journal = _effective(folder)
    for commit in reversed(journal.commits):
        yield tuple(journal.records[: commit.records])


def _effective(folder: Path) -> EffectiveJournal:
    path = path_of(folder)
    return EffectiveJournal.of(path, read(path).entries)

"""A run that nobody trains, before it goes on."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from pbt_gan import files
from pbt_gan.core.records import Json, Record
from pbt_gan.interfaces import RunView
from pbt_gan.store import checkpoints
from pbt_gan.store.disk import DiskStore, now
from pbt_gan.store.effective import EffectiveJournal
from pbt_gan.store.journal import FORMAT, Journal, path_of, read, upgraded
from pbt_gan.store.lock import RunLock

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class PausedRun:
    """A run that nobody writes: locked, and its journal read, once. Nothing of it is changed until `resume`.

    Args:
        folder: the run's.

    Raises:
        RunFolderError: there is no run, one of another format version, or another process writes it.
        DamageError: the journal is damaged before its last commit.
        StorageError: the folder cannot be locked.
    """

    def __init__(self, folder: Path) -> None:
        path = path_of(folder)
        if not path.exists():
            read(path)  # says what is wrong; a lock would leave a file in a stranger's folder
        self.folder = folder
        self._lock: RunLock | None = RunLock(folder)
        self._verified = False
        try:
            contents = read(path)
            self._effective = EffectiveJournal.of(path, contents.entries)
        except BaseException:
            self.close()
            raise
        records, ending = tuple(self._effective.records), self._effective.ending or "interrupted"
        self.view = RunView(folder, self._effective.run, records, ending, self._effective.usage)
        self._lines = len(contents.entries)
        if contents.entries[0]["format"] == FORMAT:  # else they are written anew
            contents = replace(contents, entries=contents.entries[:1])
        self._contents = contents
        self._effective.cancel()

    @property
    def records(self) -> Sequence[Record]:
        """The effective records that the last commit covers."""
        return tuple(self._effective.records)

    @property
    def checkpoints(self) -> Collection[str]:
        """The keys of the checkpoints that the last commit keeps."""
        return self._effective.checkpoints.keys()

    def __enter__(self) -> "PausedRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the run, unless it was resumed."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def restore(self, take: Callable[[str, bytes], None]) -> None:
        """Hand over every checkpoint of the last commit, by key: each is read and verified once, one at a time.

        Raises:
            DamageError: one is missing, or not what was written.
        """
        for key, digest in sorted(self._effective.checkpoints.items()):
            take(key, checkpoints.read(self.folder, key, digest))
        self._verified = True

    def resume(self, changed: Json = _NOTHING, versions: Json = _NOTHING, places: Json = _NOTHING) -> DiskStore:
        """Go on from the last commit; whatever came after it is cancelled. Its checkpoints were restored before.

        Args:
            changed: values of the config that are new, dotted key → value; None: the key is not there any more.
            versions: of those who write from now on.
            places: where the files lie that the config names, as of `runs.places`.

        Raises:
            StorageError: the disk refused.
        """
        assert self._lock is not None, "it was closed"
        assert self._verified, "damage is told before anything is changed"
        path = path_of(self.folder)
        journal = Journal(path, upgraded(path, self._contents, versions))
        try:
            self._effective.change(changed, places)
            entry = {"type": "resume", "upto": self._effective.upto, "changed": changed}
            # Durable: what is deleted next may be named by lines that this entry cancels.
            journal.append([{**entry, "versions": versions, "places": places, "time": now()}], durable=True)
            files.make_folder(checkpoints.folder_of(self.folder))
            files.sweep(self.folder)
            checkpoints.remove_leftovers(self.folder, self._effective.named, self._effective.checkpoints)
        except BaseException:
            journal.close()
            raise
        lock, self._lock = self._lock, None
        return DiskStore(self.folder, lock, journal, self._effective, lines=self._lines + 1)

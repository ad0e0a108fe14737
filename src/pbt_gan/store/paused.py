"""A run that nobody trains, before it goes on."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from pbt_gan import files
from pbt_gan.core.records import Json, Record
from pbt_gan.errors import DamageError
from pbt_gan.interfaces import Fallback, RunView
from pbt_gan.store import checkpoints
from pbt_gan.store.disk import GENERATIONS, DiskStore, now
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
        fallbacks = tuple(self._effective.fallbacks)
        self.view = RunView(folder, self._effective.run, records, ending, fallbacks, self._effective.usage)
        self._damaged: Collection[str] = ()
        self._lines = len(contents.entries)
        if contents.entries[0]["format"] == FORMAT:  # else they are written anew
            contents = replace(contents, entries=contents.entries[:1])
        self._contents = contents
        self._effective.cancel()

    @property
    def records(self) -> Sequence[Record]:
        """The effective records that the commit covers from which the run goes on: what was restored, or the last."""
        return tuple(self._effective.records)

    @property
    def checkpoints(self) -> Collection[str]:
        """The keys of the checkpoints of that commit."""
        return self._effective.commit.checkpoints.keys()

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

    def restore(self, take: Callable[[str, bytes], None]) -> Fallback | None:
        """Hand over every checkpoint of the last commit, by key: each is read and verified once, one at a time.

        If one of them is damaged, those of the newest commit before that is whole follow, and the run goes on from
        there. What was handed over already may be dropped then.

        Returns:
            what was damaged, if anything was.

        Raises:
            DamageError: there is no such commit; says which files are missing, or not what was written.
        """
        taken, damage = set[str](), dict[str, DamageError]()
        for commit in reversed(self._effective.commits):
            for key in sorted(commit.checkpoints.keys() - taken - damage.keys()):
                try:
                    data = checkpoints.read(self.folder, key, commit.checkpoints[key])
                except DamageError as error:
                    damage[key] = error
                else:
                    take(key, data)
                    taken.add(key)
            if commit.checkpoints.keys() <= taken:
                break
        else:
            if damage:
                raise self._beyond_repair(damage)
        self._verified = True
        if not damage:
            return None
        self._damaged = sorted(damage)
        self._effective.fall_back(self._damaged)
        self._effective.cancel()
        return self._effective.fallbacks[-1]

    def resume(
        self,
        changed: Json = _NOTHING,
        versions: Json = _NOTHING,
        places: Json = _NOTHING,
        *,
        generations: int = GENERATIONS,
    ) -> DiskStore:
        """Go on from the commit that was restored before; whatever came after it is cancelled.

        Args:
            changed: values of the config that are new, dotted key → value; None: the key is not there any more.
            versions: of those who write from now on.
            places: where the files lie that the config names, as of `runs.places`.
            generations: as of `DiskStore.create`.

        Raises:
            StorageError: the disk refused.
        """
        assert self._lock is not None, "it was closed"
        assert self._verified, "damage is told before anything is changed"
        path = path_of(self.folder)
        journal = Journal(path, upgraded(path, self._contents, versions))
        try:
            self._effective.change(changed, places)
            entry = {"type": "resume", "upto": self._effective.commit.upto, "changed": changed}
            if self._damaged:
                entry["damaged"] = self._damaged
            # Durable: what is deleted next may be named by lines that this entry cancels.
            journal.append([{**entry, "versions": versions, "places": places, "time": now()}], durable=True)
            files.make_folder(checkpoints.folder_of(self.folder))
            files.sweep(self.folder)
            named = {**self._effective.named, **dict.fromkeys(self._damaged)}  # by their bytes they are nobody's
            checkpoints.remove_leftovers(self.folder, named, self._effective.kept)
        except BaseException:
            journal.close()
            raise
        lock, self._lock = self._lock, None
        lines = self._lines + 1
        return DiskStore(self.folder, lock, journal, self._effective, lines=lines, generations=generations)

    def _beyond_repair(self, damage: Mapping[str, DamageError]) -> DamageError:
        """Return the error for a run of which no commit is whole, with the first damage of each."""
        if len(self._effective.commits) == 1:
            return next(iter(damage.values()))
        found = [next(key for key in damage if key in commit.checkpoints) for commit in self._effective.commits]
        paths = [str(checkpoints.path_of(self.folder, key)) for key in dict.fromkeys(reversed(found))]
        return DamageError(
            f"None of the last {len(found)} commits is whole: {' and '.join(paths)} {'are' if paths[1:] else 'is'} "
            "missing or damaged. Restore from a copy."
        )

"""A run's folder, written: the journal as the run goes, and commits that a resumed run goes on from."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Self

from pbt_gan import files
from pbt_gan.core.records import Json, Record, to_json
from pbt_gan.errors import RunFolderError
from pbt_gan.interfaces import RunView, Usage
from pbt_gan.store import checkpoints
from pbt_gan.store.effective import Commit, EffectiveJournal, all_checkpoints, kept
from pbt_gan.store.journal import FORMAT, Journal, path_of, read
from pbt_gan.store.lock import RunLock

_NOTHING: Mapping[str, bytes] = MappingProxyType({})

GENERATIONS = 2
"""Of so many commits the checkpoints are kept, where nobody says how many."""


class DiskStore:
    """The durable side of a run, and the only one who writes it while it lives. See `interfaces.RunStore`.

    Checkpoints are written by a thread beside the training; all else happens in the caller's.
    """

    def __init__(
        self,
        folder: Path,
        lock: RunLock,
        journal: Journal,
        effective: EffectiveJournal,
        *,
        lines: int,
        generations: int,
    ) -> None:
        self.folder = folder
        self._lock = lock
        self._journal = journal
        self._effective = effective  # as it was when the run was opened
        self._opened = journal.end, lines
        self._generations = generations
        self._commits: Sequence[Commit] = tuple(effective.commits)  # whose checkpoints are on disk, the newest last
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._under_way: tuple[int, Future[dict[str, str]]] | None = None
        self._given_up: Future[dict[str, str]] | None = None  # a commit whose end a person would not wait for
        self._closed = False

    @classmethod
    def create(
        cls, folder: Path, run: Json, *, first: Mapping[str, bytes] = _NOTHING, generations: int = GENERATIONS
    ) -> Self:
        """Begin a run.

        Args:
            folder: made if it is missing.
            run: what the journal's first entry says of the run; `config` is in it.
            first: checkpoints that are there before anything is trained, by key; the journal never exists without them.
            generations: of so many commits the checkpoints are kept, the newest included; at least 1.

        Raises:
            RunFolderError: there is a run in this folder, or another process is about to write one.
            StorageError: the disk refused.
        """
        files.make_folder(folder)
        lock = RunLock(folder)
        try:
            path = path_of(folder)
            if path.exists():
                raise RunFolderError(f"{folder} holds a run already; `pbt-gan resume {folder}` goes on with it.")
            files.sweep(folder)
            entries: list[Json] = [{"type": "run", "format": FORMAT, **run}]
            files.make_folder(checkpoints.folder_of(folder))
            if first:
                digests = checkpoints.write(folder, {key: partial(bytes, data) for key, data in first.items()}, {})
                entries.append(_commit(0, digests, generations))
            journal = Journal.create(path, *entries)
        except BaseException:
            lock.release()
            raise
        effective = EffectiveJournal(entries[0], writer=entries[0])
        effective.follow(path, entries[1:], 2)
        return cls(folder, lock, journal, effective, lines=len(entries), generations=generations)

    @property
    def run(self) -> Json:
        """The journal's `run` entry, its config with all changes."""
        return self._effective.run

    @property
    def records(self) -> Sequence[Record]:
        """The effective records at the time of opening: all that the last commit covers."""
        return tuple(self._effective.records)

    @property
    def upto(self) -> int:
        """How many reports that commit covers."""
        return self._effective.commit.upto

    @property
    def checkpoints(self) -> Mapping[str, str]:
        """The sha256 of each checkpoint of the last commit."""
        return self._commits[-1].checkpoints if self._commits else {}

    def append(self, records: Sequence[Record]) -> None:
        """Write records to the journal; one write, no fsync."""
        self._journal.append(map(to_json, records))

    def commit(self, upto: int, encoded: Mapping[str, Callable[[], bytes | memoryview]], *, wait: bool) -> None:
        """Begin to make a cut durable; one that is still under way is finished first."""
        self._finish()
        self._under_way = (
            upto,
            self._thread.submit(checkpoints.write, self.folder, encoded, all_checkpoints(self._commits)),
        )
        if wait:
            self._finish()

    def poll(self) -> bool:
        """Finish a commit whose checkpoints have been written; True while one is still under way."""
        if self._under_way is not None and not self._under_way[1].done():
            return True
        self._finish()
        return False

    def close(self, ending: str, usage: Usage | None = None) -> None:
        """Write how the run ended and how its workers were used, and release it.

        A commit still under way is given up: it was not waited for.
        """
        if self._closed:
            return
        self._closed = True
        writing = self._given_up
        try:
            self._thread.shutdown(wait=writing is None, cancel_futures=True)
            moment = {**now(), **_plain(usage)}
            self._journal.append([{"type": "end", "ending": ending, "time": moment}], durable=writing is None)
        finally:
            self._journal.close()
            if writing is None:
                self._lock.release()
            else:  # it may still be writing here
                writing.add_done_callback(lambda _: self._lock.release())

    def view(self) -> RunView:
        """Return what the run did, once it is closed. Its journal's lines from before it was opened are not read again.

        Raises:
            RunFolderError, DamageError: the journal was changed by somebody else.
        """
        path, (end, lines) = path_of(self.folder), self._opened
        self._effective.follow(path, read(path, end).entries, lines + 1)
        ending = self._effective.ending or "interrupted"
        records, fallbacks = tuple(self._effective.records), tuple(self._effective.fallbacks)
        return RunView(self.folder, self._effective.run, records, ending, fallbacks, self._effective.usage)

    def _finish(self) -> None:
        if self._under_way is None:
            return
        upto, written = self._under_way
        self._under_way = None
        try:
            digests = written.result()
            self._journal.append([_commit(upto, digests, self._generations)], durable=True)
        except KeyboardInterrupt:
            self._given_up = written
            raise
        before, self._commits = self._commits, kept(self._commits, Commit(upto, digests), self._generations)
        # Only now: until this line they were what a resume needs, or falls back to.
        checkpoints.remove(self.folder, sorted(all_checkpoints(before).keys() - all_checkpoints(self._commits).keys()))


def _commit(upto: int, digests: Mapping[str, str], generations: int) -> Json:
    """Return the entry of a commit whose checkpoints are on disk."""
    return {"type": "commit", "upto": upto, "checkpoints": digests, "generations": generations, "time": now()}


def _plain(usage: Usage | None) -> Json:
    return {} if usage is None else {"busy_s": round(usage.busy_s, 3), "waiting_s": round(usage.waiting_s, 3)}


def now() -> Json:
    """Return the time of an entry."""
    return {"at_s": round(time.time(), 3)}

"""A run's folder, written: the journal as the run goes, and commits that a resumed run goes on from."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pbt_gan import files
from pbt_gan.core.records import Json, Record, to_json
from pbt_gan.errors import RunFolderError
from pbt_gan.store import checkpoints
from pbt_gan.store.journal import FORMAT, Journal, path_of, read
from pbt_gan.store.lock import RunLock
from pbt_gan.store.progress import Progress


class DiskStore:
    """The durable side of a run, and the only one who writes it while it lives. See `interfaces.RunStore`.

    Checkpoints are written by a thread beside the training; all else happens in the caller's.
    """

    def __init__(self, folder: Path, lock: RunLock, journal: Journal, progress: Progress) -> None:
        self.folder = folder
        self._lock = lock
        self._journal = journal
        self._progress = progress
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._under_way: tuple[int, Future[dict[str, str]]] | None = None
        self._closed = False

    @classmethod
    def create(cls, folder: Path, run: Json) -> "DiskStore":
        """Begin a run.

        Args:
            folder: made if it is missing.
            run: what the journal's first entry says of the run; `config` is in it.

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
            entry = {"type": "run", "format": FORMAT, **run}
            journal = Journal.create(path, entry)
            files.make_folder(checkpoints.folder_of(folder))
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock, journal, Progress(entry))

    @classmethod
    def resume(cls, folder: Path, changed: Json | None = None) -> "DiskStore":
        """Go on from the last commit of a run; whatever came after it is cancelled.

        Args:
            folder: the run's.
            changed: values of the config that are new, dotted key → value; None: the key is not there any more.

        Raises:
            RunFolderError: there is no run, one of another format version, or another process writes it.
            DamageError: the journal before its last commit or a checkpoint is damaged. Nothing was changed.
            StorageError: the disk refused.
        """
        path = path_of(folder)
        if not path.exists():
            read(path)  # says what is wrong; a lock would leave a file in a stranger's folder
        lock = RunLock(folder)
        try:
            contents = read(path)
            progress = Progress.of(path, contents.entries)
            for key, digest in progress.checkpoints.items():
                checkpoints.read(folder, key, digest)  # all of them, before anything is changed
            journal = Journal(path, contents)
            progress.cancel()
            progress.change(changed or {})
            entry = {"type": "resume", "upto": progress.upto, "changed": changed or {}, "time": _now()}
            # Durable: what is deleted next may be named by lines that this entry cancels.
            journal.append([entry], durable=True)
            files.make_folder(checkpoints.folder_of(folder))
            files.sweep(folder)
            checkpoints.remove_others(folder, progress.checkpoints)
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock, journal, progress)

    @property
    def run(self) -> Json:
        """The journal's `run` entry, its config with all changes."""
        return self._progress.run

    @property
    def records(self) -> Sequence[Record]:
        """The effective records at the time of opening: all that the last commit covers."""
        return tuple(self._progress.records)

    @property
    def upto(self) -> int:
        """How many reports the last commit covers."""
        return self._progress.upto

    @property
    def checkpoints(self) -> Mapping[str, str]:
        """The sha256 of each checkpoint of the last commit."""
        return self._progress.checkpoints

    def data(self, key: str) -> bytes:
        """Return a checkpoint of the last commit.

        Raises:
            KeyError: it is not in the last commit.
            DamageError: its file is not what was written.
        """
        return checkpoints.read(self.folder, key, self.checkpoints[key])

    def append(self, records: Sequence[Record]) -> None:
        """Write records to the journal; one write, no fsync."""
        self._journal.append(map(to_json, records))

    def commit(self, upto: int, encoded: Mapping[str, Callable[[], bytes | memoryview]], *, wait: bool) -> None:
        """Begin to make a cut durable; one that is still under way is finished first."""
        self._finish()
        self._under_way = (
            upto,
            self._thread.submit(checkpoints.write, self.folder, encoded, self.checkpoints),
        )
        if wait:
            self._finish()

    def poll(self) -> bool:
        """Finish a commit whose checkpoints have been written; True while one is still under way."""
        if self._under_way is not None and not self._under_way[1].done():
            return True
        self._finish()
        return False

    def close(self, ending: str) -> None:
        """Write how the run ended and release it. A commit still under way is given up: it was not waited for."""
        if self._closed:
            return
        self._closed = True
        try:
            self._thread.shutdown(wait=True, cancel_futures=True)
            self._journal.append([{"type": "end", "ending": ending, "time": _now()}], durable=True)
        finally:
            self._journal.close()
            self._lock.release()

    def _finish(self) -> None:
        if self._under_way is None:
            return
        upto, written = self._under_way
        self._under_way = None
        digests = written.result()
        entry = {"type": "commit", "upto": upto, "checkpoints": digests, "time": _now()}
        self._journal.append([entry], durable=True)
        self._progress.upto = upto
        self._progress.checkpoints = digests
        checkpoints.remove_others(self.folder, digests)  # only now: until this line they were what a resume needs


def _now() -> Json:
    return {"at_s": round(time.time(), 3)}

"""The storm: runs of every kind, one life after another, each hit by some faults, and looked at after each end."""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pbt_gan.core.records import Record, Report
from pbt_gan.errors import PbtGanError
from pbt_gan.runs.folder import holds_run
from pbt_gan.store import checkpoints
from pbt_gan.store.effective import Commit, EffectiveJournal
from pbt_gan.store.journal import path_of, read
from pbt_gan.store.reader import read_run
from pbt_gan.testing.consistency import contradictions
from tools.chaos import truth
from tools.chaos.disk import Disk
from tools.chaos.faults import BLOWS, DAMAGES, Skipped, applicable, spoil, tear
from tools.chaos.kinds import KINDS, READY_INTERVAL, Kind
from tools.chaos.life import Life
from tools.chaos.walk import deeds_of

_MOST_BLOWS = 4  # of one life that it survives
_FURTHER = (1, 30)  # reports between two of them
_LEFT = 50  # a run with fewer orders left ends in peace
_ENOUGH = 5  # violations
_DAMAGED = 0.5  # how often something befalls a run between two lives


class Violation(Exception):  # noqa: N818 (what a storm looks for)
    """Something that must never happen has happened."""


@dataclass
class _Run:
    """One run, through its lives."""

    kind: Kind
    folder: Path
    safe: Sequence[Record] = ()  # what its last commit covered when it was last looked at
    said: list[str] = field(default_factory=list)  # what befell it, in turn


class Storm:
    """Runs and what befalls them.

    Args:
        seed: of what strikes whom when; how far a run is by then is up to the machine.
        folder: an empty one.
        kinds: of runs, one after another.
        say: is told a line after each life.
    """

    def __init__(
        self, seed: int, folder: Path, kinds: Sequence[Kind] = KINDS, say: Callable[[str], object] = lambda line: None
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._folder = folder
        self._disk = Disk(folder)
        self._kinds = kinds
        self._say = say
        self._runs: dict[Kind, _Run] = {}
        self._uncut: dict[int, Any] = {}  # by their steps: what synchronous runs become that nothing befalls
        self.faults = Counter[str]()
        self.failures = Counter[str]()  # that runs told of, by their kind
        self.by_kind = Counter[str]()
        self.tally = Counter[str]()
        self.violations: list[str] = []

    @property
    def mounted(self) -> bool:
        """Whether the disk is one that can be full and read-only."""
        return self._disk.mounted

    def rage(self, faults: int) -> None:
        """Let so many faults strike, then let every run end in peace, and compare."""
        turn = 0
        while self.faults.total() < faults and len(self.violations) < _ENOUGH:
            run = self._run(self._kinds[turn % len(self._kinds)])
            turn += 1
            self._guarded(run, lambda run=run: self._live(run))
        for run in list(self._runs.values()):
            self._guarded(run, lambda run=run: self._live_in_peace(run))

    def close(self) -> None:
        """Leave nothing behind."""
        self._disk.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _guarded(self, run: _Run, deed: Any) -> None:
        before = len(run.said)
        try:
            deed()
            self._say(f"{self.faults.total():4}  {run.folder.name} ({run.kind}): {', '.join(run.said[before:]) or '-'}")
        except (Violation, PbtGanError, TimeoutError, AssertionError, OSError, KeyError, ValueError) as error:
            self._runs.pop(run.kind, None)
            self.violations.append(f"{run.kind}, after {', '.join(run.said[-8:])}: {type(error).__name__}: {error}")
            self._say(self.violations[-1])

    def _run(self, kind: Kind) -> _Run:
        if kind not in self._runs:
            folder = self._folder / f"run-{self.tally['runs']:03}"
            self.tally["runs"] += 1
            deeds_of(folder).mkdir()
            self._runs[kind] = _Run(kind, folder)
        return self._runs[kind]

    def _strikes(self, run: _Run, name: str) -> None:
        self.faults[name] += 1
        self.by_kind[str(run.kind)] += 1
        run.said.append(name)

    def _live(self, run: _Run) -> None:
        """Let one process go on with a run, and end it."""
        if holds_run(run.folder) and self._rng.random() < _DAMAGED:
            self._damage(run)
        life = Life(run.kind, run.folder)
        self.tally["processes"] += 1
        try:
            expected = self._weather(run, life)
            code, said = life.ended()
        finally:
            life.kill()
            self._disk.free()
        self._check_end(run, life, code, said, expected)

    def _live_in_peace(self, run: _Run) -> None:
        life = Life(run.kind, run.folder)
        self.tally["processes"] += 1
        try:
            code, said = life.ended()
        finally:
            life.kill()
        self._check_end(run, life, code, said, ())

    def _weather(self, run: _Run, life: Life) -> tuple[int, ...]:
        """Strike a living process until one blow ends it; return with which exit codes, beside a run that is done."""
        blows = applicable(run.kind)
        endless = [name for name in blows if not blows[name].codes]
        ends = [name for name in blows if blows[name].codes]
        if self._rng.random() < 0.1:  # while it starts
            return self._strike(run, life, "run killed")
        for _ in range(int(self._rng.integers(_MOST_BLOWS + 1))):
            if not life.goes_on(int(self._rng.integers(*_FURTHER))) or self._is_nearly_done(run):
                return ()
            self._strike(run, life, str(self._rng.choice(endless)))
        if not life.goes_on(int(self._rng.integers(*_FURTHER))):
            return ()
        return self._strike(run, life, str(self._rng.choice(ends)))

    def _strike(self, run: _Run, life: Life, name: str) -> tuple[int, ...]:
        self._look(run)
        with suppress(Skipped):
            BLOWS[name].strike(life, self._rng, self._disk)
            self._strikes(run, name)
            return BLOWS[name].codes
        self.tally["skipped"] += 1
        return ()

    def _is_nearly_done(self, run: _Run) -> bool:
        return _count(read_run(run.folder).records) > run.kind.orders - _LEFT

    def _look(self, run: _Run) -> None:
        """Remember what is safe from now on."""
        commits, records = _committed(run.folder)
        if commits:
            run.safe = records[: commits[-1].records]

    def _damage(self, run: _Run) -> None:
        """Let something befall a run that nobody trains; expect what it does about that."""
        name = str(self._rng.choice(DAMAGES))
        commits, records = _committed(run.folder)
        if not commits or not commits[-1].checkpoints:
            return
        if name == "journal torn":
            tear(run.folder, self._rng)
            self._strikes(run, name)
        elif name == "disk read-only":
            if not self._disk.make_read_only(run.folder):
                return
            self._strikes(run, name)
            try:
                self._expect_refusal(run, 2, "Read-only file system|Permission denied")
            finally:
                self._disk.make_writable(run.folder)
        else:
            self._damage_checkpoint(run, name, commits, records)

    def _damage_checkpoint(self, run: _Run, how: str, commits: Sequence[Commit], records: Sequence[Record]) -> None:
        key = str(self._rng.choice(sorted(commits[-1].checkpoints)))
        path = checkpoints.path_of(run.folder, key)
        whole = path.read_bytes()
        spoil(run.folder, key, how, self._rng)
        self._strikes(run, how)
        older = [commit for commit in commits if key not in commit.checkpoints]
        if older:
            run.safe = truth.without_failures(records[: older[-1].records])
            self.tally["fallbacks expected"] += 1
            return
        self._expect_refusal(run, 1, "missing|damaged")
        path.write_bytes(whole)  # from a copy
        self.tally["restored from a copy"] += 1

    def _expect_refusal(self, run: _Run, code: int, words: str) -> None:
        life = Life(run.kind, run.folder)
        self.tally["processes"] += 1
        try:
            found, said = life.ended()
        finally:
            life.kill()
        if found == 0 and "Finished already" in said:
            return
        if found != code or not any(word in said for word in words.split("|")):
            raise Violation(f"it was to be refused with {code} and {words}, and ended with {found}: {said[-500:]}")
        self._check_left(life)

    def _check_end(self, run: _Run, life: Life, code: int, said: str, expected: tuple[int, ...]) -> None:
        if code not in (0, *expected):
            raise Violation(f"it was to end with {expected or 0}, and ended with {code}: {said[-800:]}")
        if "Traceback" in said:
            raise Violation(f"it showed a traceback: {said[-800:]}")
        self._check_left(life)
        for path in deeds_of(run.folder).iterdir():  # that nobody has met
            path.unlink()
        if not holds_run(run.folder):  # it was killed before it began
            return
        view = read_run(run.folder)
        if view.ending == "running":
            raise Violation("somebody still holds its lock")
        self._check_records(run, view.records)
        if code == 0 and view.ending != "finished":
            raise Violation(f"it ended well, and its journal says {view.ending}")
        if view.ending == "finished":
            self._check_finished(run)
            self.tally["fallbacks"] += len(view.fallbacks)
            self.tally["finished"] += 1
            entries = read(path_of(run.folder)).entries
            self.failures.update(entry["kind"] for entry in entries if entry["type"] == "failure")
            self.tally["reports"] += _count(view.records)
            self.tally["diverged"] += sum(isinstance(each, Report) and bool(each.diverged) for each in view.records)
            del self._runs[run.kind]
            shutil.rmtree(run.folder)

    def _check_records(self, run: _Run, records: Sequence[Record]) -> None:
        # As texts: a score may be nan, which equals nothing.
        safe, now = ([repr(each) for each in truth.without_failures(some)] for some in (run.safe, records))
        if now[: len(safe)] != safe:
            lost = next((place for place, record in enumerate(safe) if now[place : place + 1] != [record]), 0)
            raise Violation(f"what a commit covered is gone: {safe[lost]}")
        if found := next(contradictions(records, READY_INTERVAL), None):
            raise Violation(found)
        self._look(run)

    def _check_finished(self, run: _Run) -> None:
        if loose := list(truth.loose_files(run.folder)):
            raise Violation(f"these lie in the folder of a finished run: {', '.join(loose)}")
        if run.kind.mode != "sync":
            return
        found = truth.essence(run.folder)
        steps = run.kind.steps
        if steps not in self._uncut:
            self._uncut[steps] = self._made_uncut(steps)
        if found != self._uncut[steps]:
            raise Violation("it did not become what a run becomes that nothing befalls")
        self.tally["equal to the uncut run"] += 1

    def _made_uncut(self, steps: int) -> Any:
        folder = self._folder / f"uncut-{steps}"
        deeds_of(folder).mkdir()
        life = Life(Kind("serial", steps=steps), folder)
        code, said = life.ended()
        if code:
            raise Violation(f"a run that nothing befalls ended with {code}: {said[-500:]}")
        return truth.essence(folder)

    def _check_left(self, life: Life) -> None:
        if left := life.leftovers():
            raise Violation(f"process {life.pid} left {', '.join(left)}")


def _count(records: Sequence[Record]) -> int:
    return sum(isinstance(record, Report) for record in records)


def _committed(folder: Path) -> tuple[Sequence[Commit], Sequence[Record]]:
    """Return the commits of a run that are kept, and its effective records; of one that has not begun, nothing."""
    if not path_of(folder).exists():
        return (), ()
    effective = EffectiveJournal.of(path_of(folder), read(path_of(folder)).entries)
    return effective.commits, effective.records

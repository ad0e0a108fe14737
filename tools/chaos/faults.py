"""What a storm does to runs: to their workers, to their own process, to their disk, and to what lies there between."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from numpy.random import Generator

from pbt_gan.store import checkpoints
from pbt_gan.store.journal import path_of
from tools.chaos.disk import Disk
from tools.chaos.kinds import DEADLINE_S, Kind
from tools.chaos.life import Life, wait_until
from tools.chaos.walk import deeds_of

_HELD_S = 1.0  # for which a worker stands still that goes on afterwards
_FEW_FILES = 3  # less than are open


class Skipped(Exception):  # noqa: N818 (nothing is wrong)
    """This fault cannot befall this run just now."""


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault that strikes while a run trains."""

    strike: Callable[[Life, Generator, Disk], None]
    codes: tuple[int, ...] = ()  # with which its process ends of it; none: it goes on
    here: bool | None = None  # whether only runs that train in their own process can suffer it, or only others


def _worker(life: Life, rng: Generator) -> int:
    workers = life.workers()
    if not workers:
        raise Skipped
    return int(rng.choice(workers))


def _signalled(number: signal.Signals) -> Callable[[Life, Generator, Disk], None]:
    def strike(life: Life, rng: Generator, disk: Disk) -> None:
        try:
            # Of a worker that has just ended by itself there is nothing to be hit.
            signal_to(_worker(life, rng), number)
        except ProcessLookupError as error:
            raise Skipped from error

    return strike


def signal_to(process: int, number: signal.Signals) -> None:
    """Send a signal to one process that this storm has started."""
    os.kill(process, number)


def _held(life: Life, rng: Generator, disk: Disk) -> None:
    worker = _worker(life, rng)
    try:
        signal_to(worker, signal.SIGSTOP)
        time.sleep(_HELD_S)
        signal_to(worker, signal.SIGCONT)
    except ProcessLookupError as error:
        raise Skipped from error


def _late(life: Life, rng: Generator, disk: Disk) -> None:
    """It is continued when the run has long given it up."""
    worker = _worker(life, rng)
    try:
        signal_to(worker, signal.SIGSTOP)
        time.sleep(2 * DEADLINE_S)
        signal_to(worker, signal.SIGCONT)
    except ProcessLookupError:  # it was ended, as it should be
        return


def _deed(whose: str, deed: str, content: Callable[[Generator], str] = lambda rng: "") -> Callable[..., None]:
    def strike(life: Life, rng: Generator, disk: Disk) -> None:
        half = deeds_of(life.folder) / f".{deed}"
        half.write_text(content(rng))
        path = half.rename(deeds_of(life.folder) / f"{whose}.{deed}")
        wait_until(lambda: life.over or not path.exists())
        if path.exists():  # nobody met it
            raise Skipped

    return strike


def _hours(rng: Generator) -> str:
    return str(float(rng.choice([-1, 1])) * float(rng.uniform(60, 86_400)))


def _process(*numbers: signal.Signals) -> Callable[[Life, Generator, Disk], None]:
    def strike(life: Life, rng: Generator, disk: Disk) -> None:
        for number in numbers:
            life.send(number)
            time.sleep(0.01)

    return strike


def _full(life: Life, rng: Generator, disk: Disk) -> None:
    disk.fill(life.pid)


def _no_files(life: Life, rng: Generator, disk: Disk) -> None:
    resource.prlimit(life.pid, resource.RLIMIT_NOFILE, (_FEW_FILES, _FEW_FILES))


def _second(life: Life, rng: Generator, disk: Disk) -> None:
    said = subprocess.run(life.kind.command(life.folder), capture_output=True, text=True, timeout=120, check=False)
    if life.over or "Finished already" in said.stdout:
        raise Skipped
    if said.returncode != 2 or f"in use by process {life.pid}" not in said.stderr:
        raise AssertionError(f"a second process was not refused: {said.returncode}, {said.stderr[-300:]}")


BLOWS: Mapping[str, Blow] = {
    "worker killed": Blow(_signalled(signal.SIGKILL), here=False),
    "worker terminated": Blow(_signalled(signal.SIGTERM), here=False),
    "worker held and let go": Blow(_held, here=False),
    "worker held beyond its deadline": Blow(_late, here=False),
    "worker exits": Blow(_deed("worker", "exit"), here=False),
    "worker never returns": Blow(_deed("worker", "hang"), here=False),
    "worker takes all memory": Blow(_deed("worker", "leak"), here=False),
    "worker's clock turned": Blow(_deed("worker", "clock", _hours), here=False),
    "clock turned": Blow(_deed("run", "clock", _hours)),
    "second process": Blow(_second),
    "task raises": Blow(_deed("worker", "raise"), (1,)),
    "run exits": Blow(_deed("worker", "exit"), (3,), here=True),
    "run killed": Blow(_process(signal.SIGKILL), (-signal.SIGKILL,)),
    "Ctrl-C": Blow(_process(signal.SIGINT), (130,)),
    "Ctrl-C twice": Blow(_process(signal.SIGINT, signal.SIGINT), (130,)),
    "SIGTERM": Blow(_process(signal.SIGTERM), (143,)),
    "SIGUSR1": Blow(_process(signal.SIGUSR1), (138,)),
    "SIGHUP": Blow(_process(signal.SIGHUP), (129,)),
    "disk full": Blow(_full, (1,)),
    "no file descriptors": Blow(_no_files, (1,)),
}
"""By name."""

DAMAGES = ("checkpoint flipped", "checkpoint cut", "checkpoint gone", "journal torn", "disk read-only")
"""What befalls a run between two processes, by name."""


def spoil(folder: Path, key: str, how: str, rng: Generator) -> None:
    """Damage a checkpoint."""
    path = checkpoints.path_of(folder, key)
    data = bytearray(path.read_bytes())
    place = int(rng.integers(len(data)))
    match how:
        case "checkpoint flipped":
            data[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(data)
        case "checkpoint cut":
            path.write_bytes(data[:place])
        case "checkpoint gone":
            path.unlink()


def tear(folder: Path, rng: Generator) -> None:
    """Cut a journal somewhere after its last commit, and let noise follow."""
    path = path_of(folder)
    data = path.read_bytes()
    committed = data.index(b"\n", data.rindex(b'{"type":"commit"')) + 1
    kept = data[: int(rng.integers(committed, len(data) + 1))]
    noise = rng.bytes(int(rng.integers(0, 40)))
    path.write_bytes(kept + noise)


def applicable(kind: Kind) -> Mapping[str, Blow]:
    """Return what may befall a run of this kind."""
    return {name: blow for name, blow in BLOWS.items() if blow.here in (None, kind.here)}

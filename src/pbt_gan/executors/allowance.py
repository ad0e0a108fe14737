"""How much memory a worker may have: of a machine, whose system only counts, or of a GPU, where torch keeps to it."""

import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pbt_gan.control_groups import folders

_ROOT = Path("/")
_LOOK_S = 1.0  # between two looks at all processes


class Allowance:
    """What each worker may have of a machine's memory, its children's included.

    Counted is resident memory that is its own: states in shared memory and mapped files are everybody's.

    Args:
        fraction: of the memory that this process may use at all.
        clock: seconds.
        root: where the system's own folders lie.
    """

    def __init__(self, fraction: float, *, clock: Callable[[], float] = time.monotonic, root: Path = _ROOT) -> None:
        self._fraction = fraction
        self._most = int(fraction * total_bytes(root))
        self._clock = clock
        self._root = root
        self._looked_s = -math.inf
        self._groups: Mapping[int, Sequence[Path]] = {}

    def excess(self, group: int) -> str | None:
        """Return what there is to say of a worker that has too much, given its process group; None: it has not."""
        if self._clock() - self._looked_s >= _LOOK_S:
            self._groups = _groups(self._root)
            self._looked_s = self._clock()
        used = self._used(self._groups.get(group, ()))
        if used <= self._most:
            return None
        return (
            f"takes {used / 1e9:.3g} GB of memory, and may take {self._most / 1e9:.3g} GB "
            f"(executor.memory_fraction = {self._fraction:g})"
        )

    def _used(self, processes: Sequence[Path]) -> int:
        used = sum(_resident(process) or 0 for process in processes)
        if used <= self._most or len(processes) == 1:
            return used
        # Pages that they still share since a fork were counted for each; to share them out takes longer.
        return sum(_shared_out(process) or _resident(process) or 0 for process in processes)


def can_be_watched(root: Path = _ROOT) -> bool:
    """Whether this system tells how much memory its processes have."""
    return _resident(root / "proc/self") is not None


def total_bytes(root: Path = _ROOT) -> int:
    """Return how much memory this process may use: the machine's, or what the tightest of its control groups has."""
    tightest = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for folder in folders(root, "memory", ("memory",)):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # "max" is no number
                tightest = min(tightest, int((folder / name).read_text()))
    return tightest


def hold(fraction: float, device: str) -> None:
    """Let torch take no more than this share of a GPU's memory here; what goes beyond fails as on a full one."""
    import torch

    torch.cuda.set_per_process_memory_fraction(fraction, device)


def _groups(root: Path) -> Mapping[int, Sequence[Path]]:
    """Return the processes of each process group."""
    found: dict[int, list[Path]] = defaultdict(list)
    for process in (root / "proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            found[int((process / "stat").read_text().rpartition(")")[2].split()[2])].append(process)
    return found


def _resident(process: Path) -> int | None:
    return _bytes(process / "status", "RssAnon:")


def _shared_out(process: Path) -> int | None:
    return _bytes(process / "smaps_rollup", "Pss_Anon:")


def _bytes(file: Path, name: str) -> int | None:
    """Return a number of one of the system's tables; None: there is no such table, or no such line."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1_024
    return None

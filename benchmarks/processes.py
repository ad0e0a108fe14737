"""What the system tells of a process and of those that it has started."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")

MIB = 2**20


def memory(pid: int | None = None, *, most: bool = False) -> float:
    """Return the resident memory of a process in MiB; `most`: the most that it ever had. None: this process."""
    name = "VmHWM:" if most else "VmRSS:"
    lines = Path(f"/proc/{pid or os.getpid()}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def children() -> list[int]:
    """Return the processes that this one has started and that still live."""
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def handles(pid: int | None = None) -> int:
    """Return how many files a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid or os.getpid()}/fd").iterdir())


def sizes(folder: Path) -> Iterator[int]:
    """Yield the bytes of every file below a folder; one that goes meanwhile is none."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            yield path.stat().st_size


def alone(work: Callable[..., _T], *arguments: object) -> _T:
    """Return what a function returns in a process of its own, whose memory is nobody else's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()

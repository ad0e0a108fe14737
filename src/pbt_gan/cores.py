"""How many cores this process may use: those that it is bound to, and no more than its control groups let it have."""

import math
import os
from contextlib import suppress
from pathlib import Path

from pbt_gan.control_groups import folders

_ROOT = Path("/")
_CONTROLLERS = ("cpu", "cpu,cpuacct")
"""Folders in which systems mount version 1's controller of processor time."""


def usable_cores(root: Path = _ROOT) -> int:
    """Return how many members can train side by side, each at full speed; at least 1.

    Args:
        root: where the system's own folders lie.
    """
    return max(1, math.floor(min(_bound(), quota(root))))


def _bound() -> int:
    """Return the cores that this process may run on."""
    if hasattr(os, "process_cpu_count"):  # since Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota(root: Path = _ROOT) -> float:
    """Return how many cores' time this process's control groups let it have together; inf: as much as there is.

    Each group in which it lies, out to the outermost one that can be seen, has a quota of its own; the tightest one
    counts. In a container the paths of /proc may be the host's: what is not there is passed over.
    """
    tightest = math.inf
    for folder in folders(root, "cpu", _CONTROLLERS):
        with suppress(OSError, ValueError, ZeroDivisionError):
            tightest = min(tightest, _quota_of(folder))
    return tightest


def _quota_of(folder: Path) -> float:
    """Return the quota of one group, in cores; both versions give microseconds of each period."""
    if (folder / "cpu.max").exists():
        limit, period = (folder / "cpu.max").read_text().split()
        return math.inf if limit == "max" else int(limit) / int(period)
    limit_us = int((folder / "cpu.cfs_quota_us").read_text())
    return math.inf if limit_us < 0 else limit_us / int((folder / "cpu.cfs_period_us").read_text())

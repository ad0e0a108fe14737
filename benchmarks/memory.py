"""Memory a member takes while it trains: its state, and its share of what a step needs beside that."""

import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from benchmarks.cases import make_ready
from benchmarks.limit import DTYPES
from benchmarks.measurement import Measurement
from benchmarks.scaling import Way, train
from benchmarks.targets import MEMORY
from benchmarks.timing import wait

MEMBERS = {
    "cpu": {"digits": 20, "seed-dcgan-64": 4, "seed-dcgan": 2},
    "cuda": dict.fromkeys(("digits", "seed-dcgan-64", "seed-dcgan"), 20),
}
"""How many train together, by device and case."""

STATUS = Path("/proc/self/status")
MB = 1e6


def main() -> Iterator[Measurement]:
    """Measure each way in a process of its own."""
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        if device == "cpu" and not STATUS.exists():
            continue
        for name, members in MEMBERS[device].items():
            for way in ("group", "one after another"):
                dtype = DTYPES[device][0]
                # A process of its own: its peak is that of this way alone.
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                    used = pool.submit(used_bytes, name, Way(way, dtype), device, members).result()
                setting = {"case": name, "way": way, "members": members, "dtype": dtype, "threads": 1, "device": device}
                yield Measurement(MEMORY, used / members / MB, "MB", setting=setting)


def used_bytes(name: str, way: Way, device: str, members: int) -> int:
    """Return by how much this process has grown at its peak when the members have trained."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        ready = make_ready(name, way.dtype, device, Path(folder))
    forget_peak(device)
    before = allocated(device)
    train(way, ready, device, members)(2)
    wait(device)
    return peak(device) - before


def allocated(device: str) -> int:
    """Return what this process holds now."""
    return torch.cuda.memory_allocated() if device == "cuda" else _of_status("VmRSS")


def forget_peak(device: str) -> None:
    """Let the peak begin with what is held now; making the task may have taken more."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        (STATUS.parent / "clear_refs").write_text("5")


def peak(device: str) -> int:
    """Return the most that it has held."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else _of_status("VmHWM")


def _of_status(name: str) -> int:
    # Not getrusage: the peak that it tells of a process begins with that of the one which started it.
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return 1_024 * int(line.split()[1])

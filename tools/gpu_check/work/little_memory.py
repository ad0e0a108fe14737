"""A worker that may take little of a GPU's memory trains smaller groups, and not members one by one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.measurement import Measurement
from tools.gpu_check.work.command import digits, seed, train

GIB = 6.0
"""What the seed project's population of 20 does not fit in, and some of it does."""


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Run within a share of the memory; on a CPU there is none that is small."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if device == "cpu":
            train(folder / "run", *digits(device, 2, 20, 10), "--memory-fraction", "0.5")
            return
        share = GIB * 2**30 / torch.cuda.get_device_properties(0).total_memory
        told = train(folder / "run", *seed(device, 20, 10, folder), "--memory-fraction", f"{share:.4f}")
        (line,) = (line for line in told.lines if line.startswith("A worker trains"))
        group = int(line.removeprefix("A worker trains ").split()[0])
        setting = {"case": "seed-dcgan", "device": device, "members": 20, "memory": GIB}
        yield Measurement("members in a group where memory is short", group, "", ">= 2", setting)
        assert told.steps == 20 * 10

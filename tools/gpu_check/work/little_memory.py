"""A worker that may take less of a GPU's memory than its members need trains smaller groups, and not one by one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.measurement import Measurement
from benchmarks.memory import peak
from benchmarks.parts import training
from tools.gpu_check.work.command import digits, train

MEMBERS, WIDTH, STEPS = 8, 256, 60
SHARE = 0.6
"""Of what all members need together."""


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Run within a share of the memory; on a CPU there is none that is small."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        if device == "cpu":
            told = train(folder, *digits(device, 2, 20, 10), "--memory-fraction", "0.9", "--workers", "1")
            assert told.group == 2
            return
        training({"width": WIDTH}, MEMBERS, device, 8, 1)(STEPS)
        share = SHARE * peak(device) / torch.cuda.get_device_properties(0).total_memory
        torch.cuda.empty_cache()
        arguments = [*digits(device, MEMBERS, STEPS, STEPS // 2), "--set", f"task.width={WIDTH}"]
        told = train(folder, *arguments, "--memory-fraction", f"{share:.5f}", "--workers", "1")
        assert told.steps == MEMBERS * STEPS
        setting = {"case": f"digits, width {WIDTH}", "device": device, "members": MEMBERS, "share": SHARE}
        yield Measurement("members in a group where memory is short", told.group, "", ">= 2", setting)

"""Several workers on one GPU, and one on each where there are several."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.measurement import Measurement
from tools.gpu_check.work.command import digits, train


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Run the same search with more and more workers."""
    members, steps, ready = (2, 20, 10) if tiny else (8, 400, 100)
    count = 0 if device == "cpu" else torch.cuda.device_count()
    ways = [(device, workers) for workers in ((1, 2) if tiny else (1, 2, 4))]
    if count > 1:
        ways.append((",".join(f"cuda:{number}" for number in range(count)), count))
    with tempfile.TemporaryDirectory() as name:
        for number, (devices, workers) in enumerate(ways):
            arguments = digits(devices, members, steps, ready)
            told = train(Path(name) / str(number), *arguments, "--workers", str(workers))
            assert told.steps == members * steps
            setting = {"case": "digits", "device": device, "devices": devices, "workers": workers}
            yield Measurement("a run with several workers", told.seconds, "s", setting={**setting, "members": members})

"""What a ready point of 20 members costs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.measurement import Measurement
from benchmarks.ready_point import SCORED, case


def main(device: str, tiny: bool, name: str) -> Iterator[Measurement]:
    """Measure one case."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        yield from case("digits" if tiny else name, device, 2 if tiny else SCORED[device][name], Path(folder))

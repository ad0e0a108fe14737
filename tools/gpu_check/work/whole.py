"""Whole runs: `digits` to its end, and the seed project's population for a while, with scores."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Measurement
from tools.gpu_check.work.command import digits, seed, train


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Run both as one types them; tiny: the first only."""
    members, steps, ready = (2, 20, 10) if tiny else (8, 1_000, 100)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = train(folder / "digits", *digits(device, members, steps, ready))
        assert told.steps == members * steps
        setting = {"case": "digits", "device": device, "members": members, "steps": steps}
        yield Measurement("a whole run", told.seconds, "s", setting=setting)
        if not tiny:
            told = train(folder / "seed", *seed(device, 20, 200, folder))
            setting = {"case": "seed-dcgan", "device": device, "members": 20, "steps": 200, "dtype": "bfloat16"}
            yield Measurement("a whole run", told.seconds, "s", setting=setting)

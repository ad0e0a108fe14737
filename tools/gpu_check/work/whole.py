"""Whole runs of `digits` as one types them: few members for long, and many."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Measurement
from tools.gpu_check.work.command import digits, train


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Run both; tiny: one."""
    with tempfile.TemporaryDirectory() as name:
        for members, steps, ready in ((2, 20, 10),) if tiny else ((8, 1_000, 100), (64, 500, 100)):
            told = train(Path(name) / str(members), *digits(device, members, steps, ready))
            assert told.steps == members * steps
            setting = {"case": "digits", "device": device, "members": members, "steps": steps}
            yield Measurement("a whole run", told.seconds, "s", setting=setting)

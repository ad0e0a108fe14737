"""A whole search as one types it: `pbt-gan train digits`, eight members, 1,000 steps."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.startup import COMMAND

MEMBERS = 8
STEPS = 1_000


def main() -> Iterator[Measurement]:
    """Run it once."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(COMMAND), "train", "digits", "--out", str(Path(folder) / "run")]
        command += ["--population", str(MEMBERS), "--steps", str(STEPS)]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
    setting = {"case": "digits", "way": "pbt-gan train", "members": MEMBERS, "steps": STEPS}
    yield Measurement("whole command", seconds, "s", "<= 24", setting)

"""A whole search as one types it: `pbt-gan train digits`, eight members that all train 1,000 steps."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.startup import COMMAND
from benchmarks.targets import WHOLE_COMMAND, bound_of
from pbt_gan.executors.threads import MEMORY

MEMBERS = 8
STEPS = 1_000


def main() -> Iterator[Measurement]:
    """Run it once."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [str(COMMAND), "train", "digits", "--out", str(run)]
        # As many members to the end, so that it is the work that Ray Tune does; they copy from the start.
        command += ["--set", f"pbt.population=[[0, {MEMBERS}]]", "--steps", str(STEPS)]
        command += ["--set", "pbt.ready_interval=100", "--set", "pbt.selection.warmup=0"]
        began = time.perf_counter()
        # As a person would, for the first time: no variable is set, nothing is remembered, so groups are tried.
        anew = {name: value for name, value in os.environ.items() if name not in MEMORY} | {"XDG_CACHE_HOME": folder}
        subprocess.run(command, check=True, env=anew, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        records = [json.loads(line) for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    exploits = sum(record["type"] == "exploit" and record["donor"] is not None for record in records)
    setting = {"case": "digits", "way": "pbt-gan train", "members": MEMBERS, "steps": STEPS, "exploits": exploits}
    yield Measurement(WHOLE_COMMAND, seconds, "s", bound_of(WHOLE_COMMAND, setting), setting)

"""What one waits for at the command line: `--help`, and the first training step."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Measurement

COMMAND = Path(sys.executable).parent / "pbt-gan"
HELPS = 5


def main() -> Iterator[Measurement]:
    """Measure both, each in new processes."""
    yield Measurement("pbt-gan --help", statistics.median(help_s() for _ in range(HELPS)), "s", "<= 0.5")
    yield Measurement("command to first training step", first_step_s(), "s", "<= 8")


def help_s() -> float:
    """Return the seconds that `--help` takes."""
    began = time.perf_counter()
    subprocess.run([COMMAND, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def first_step_s() -> float:
    """Return the seconds from the command to the first step: to the first report, without the time it trained."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        command = [str(COMMAND), "train", "digits", "--out", str(folder), "--population", "2", "--steps", "20"]
        command += ["--set", "pbt.ready_interval=20", "--set", "pbt.score_interval=20"]
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if cost_s := first_cost_s(folder / "journal.jsonl"):
                    seconds = time.perf_counter() - began - cost_s
                    process.wait()
                    return seconds
                time.sleep(0.01)
    raise RuntimeError(f"this command ended without a report: {' '.join(command)}")


def first_cost_s(journal: Path) -> float | None:
    """Return what the first report of a journal cost; None: there is none yet."""
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True) if journal.exists() else []
    for line in lines:
        if line.endswith("\n") and (record := json.loads(line))["type"] == "report":
            return float(record["time"]["cost_s"])
    return None

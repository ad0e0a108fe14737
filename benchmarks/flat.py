"""Whether anything grows with the length of a run: 5,000 ready points for real, in worker processes.

`python -m benchmarks.flat --points 500 --mode async` asks about a length of one's own.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scipy.stats import theilslopes

import pbt_gan
from benchmarks.measurement import Measurement
from benchmarks.processes import MIB, alone, children, handles, memory, sizes
from benchmarks.scale import RULES
from pbt_gan.core.plan import Comparison, Mode
from pbt_gan.core.records import Record, Report
from pbt_gan.executors.scratch import places
from pbt_gan.interfaces import Images, RunContext

MEMBERS = 4
WORKERS = 2
SAMPLES = 100
WARM = 0.2
"""Share of the run that is left out: until then memory fills that is used again and again."""

DERIVED = ("metrics.csv", "log.txt", "tensorboard")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is run."""

    mode: Mode = "sync"
    comparison: Comparison = "latest"
    points: int = 5_000  # ready points


@dataclass
class Samples(pbt_gan.Listener):
    """A listener that looks, so and so often, at everything that could grow."""

    every: int  # reports
    folder: Path
    found: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    _reports: int = 0
    _looked_s: float = 0.0

    def start(self, context: RunContext) -> None:
        """Begin to count."""
        self._looked_s = time.process_time()

    def record(self, record: Record, preview: Images | None) -> None:
        """Look, if it is time."""
        if not isinstance(record, Report):
            return
        self._reports += 1
        if self._reports % self.every == 0:
            self._look(self._reports / MEMBERS)

    def _look(self, points: float) -> None:
        spent_s = time.process_time() - self._looked_s
        workers = children()
        own = [path for place in places() for path in place.glob(f"pbt-gan-scratch-{os.getpid()}-*")]
        shared = [size for path in own for size in sizes(path)]
        seen = {
            ("coordinator's memory", "MiB"): memory(),
            ("workers' memory", "MiB"): sum(memory(pid) for pid in workers) / len(workers),
            ("coordinator's open files", "files"): handles(),
            ("workers' open files", "files"): sum(handles(pid) for pid in workers) / len(workers),
            ("shared memory", "MiB"): sum(shared) / MIB,
            ("checkpoints on disk", "MiB"): sum(sizes(self.folder / "checkpoints")) / MIB,
            ("coordinator's processor time a ready point", "ms"): 1e3 * spent_s * MEMBERS / self.every,
            ("journal", "MiB"): (self.folder / "journal.jsonl").stat().st_size / MIB,
            ("table, log and TensorBoard", "MiB"): sum(map(self._size, DERIVED)) / MIB,
        }
        for what, value in seen.items():
            self.found[what].append((points, value))
        self._looked_s = time.process_time()

    def _size(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.is_file() else sum(sizes(path))


def main() -> Iterator[Measurement]:
    """Measure both modes and both comparisons."""
    for mode, comparison in RULES:
        yield from measured(Setting(mode, comparison))


def measured(setting: Setting) -> Iterator[Measurement]:
    """Measure what a ready point adds to everything that could grow."""
    for (what, unit), samples in alone(run, setting).items():
        warm = [sample for sample in samples if sample[0] >= WARM * setting.points]
        points, values = zip(*warm, strict=True)
        slope, _, low, high = theilslopes(values, points)
        told = {**asdict(setting), "at the end": values[-1], "unit": unit}
        per_thousand = (1_000 * float(low), 1_000 * float(high))
        yield Measurement(
            f"flat: {what}", 1_000 * float(slope), f"{unit} per 1,000 ready points", None, told, per_thousand
        )


def run(setting: Setting) -> dict[tuple[str, str], Sequence[tuple[float, float]]]:
    """Return the samples of a run: name and unit → ready points, value."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "run"
        samples = Samples(max(MEMBERS * setting.points // SAMPLES, 1), folder)
        settings: dict[str, Any] = {
            "population_size": MEMBERS,
            "total_steps": 5 * setting.points,
            "ready_interval": 5,
            "mode": setting.mode,
            "comparison": setting.comparison,
            "executor": {"name": "processes", "workers": WORKERS},
            "checkpoints": {"every_s": 5.0},
            "listeners": [samples],
        }
        pbt_gan.run("quadratic", out=folder, quiet=True, **settings)
        return dict(samples.found)


def asked() -> Setting:
    """Return the setting that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flat", description=__doc__)
    usual = Setting()
    parser.add_argument("--mode", choices=("sync", "async"), default=usual.mode)
    parser.add_argument("--comparison", choices=("latest", "fair"), default=usual.comparison)
    parser.add_argument("--points", type=int, default=usual.points, help="ready points of each member")
    return Setting(**vars(parser.parse_args()))


if __name__ == "__main__":
    for measurement in measured(asked()):
        print(measurement.line(), flush=True)

"""One line of the benchmarks' output."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.targets import bound_of


def machine() -> dict[str, Any]:
    """Return what a timing was taken on, and when."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    return {
        "cores": os.cpu_count(),
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "gpu": gpu(),
        "date": date.today().isoformat(),
    }


def gpu() -> str | None:
    """Return the name of the GPU, once something has looked for one."""
    torch = sys.modules.get("torch")  # the first benchmarks time how long its import takes
    return torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None


@dataclass(frozen=True)
class Measurement:
    """A measured number beside the one that it is held to."""

    name: str
    value: float
    unit: str
    target: str | None = None  # such as ">= 1.8"; None: printed for information
    setting: Mapping[str, Any] = field(default_factory=dict)  # case, way, members, dtype, threads, device
    spread: tuple[float, float] | None = None  # the lowest and the highest of those that the value is the median of
    machine: Mapping[str, Any] = field(default_factory=machine)

    def line(self) -> str:
        """Return it as one JSON object, rounded to four digits."""
        spread = [_rounded(value) for value in self.spread] if self.spread else None
        return json.dumps({**asdict(self), "value": _rounded(self.value), "spread": spread})


def median_of(name: str, values: Sequence[float], unit: str, setting: Mapping[str, Any]) -> Measurement:
    """Return the median of some values with their spread, beside the target that there may be for it."""
    spread = (min(values), max(values))
    return Measurement(name, statistics.median(values), unit, bound_of(name, setting), setting, spread)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def number(value: float) -> str:
    """Return a number as one reads it, to three digits."""
    return f"{float(f'{value:.3g}'):,.10g}"

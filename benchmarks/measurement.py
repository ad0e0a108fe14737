"""One line of the benchmarks' output."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Return what a timing was taken on."""
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
    }


@dataclass(frozen=True)
class Measurement:
    """A measured number beside the one that it is held to."""

    name: str
    value: float
    unit: str
    target: str | None = None  # such as ">= 1.8"; None: printed for information
    machine: dict[str, Any] = field(default_factory=machine)

    def line(self) -> str:
        """Return it as one JSON object, rounded to four digits."""
        return json.dumps({**asdict(self), "value": float(f"{self.value:.4g}")})

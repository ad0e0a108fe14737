"""What a run was made with: versions and the machine."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("pbt-gan", "torch", "numpy", "scipy", "scikit-learn", "pydantic", "tensorboard")


@cache
def versions() -> dict[str, str]:
    """Return the versions on which a run's bits may depend."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Return what the run ran on, and when it began."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "pid": os.getpid(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def gpus(devices: Sequence[str]) -> Mapping[str, Any]:
    """Return what the speed and the memory of a program depend on where it runs on GPUs; nothing where on none."""
    named = [device for device in devices if device != "cpu"]
    if not named:
        return {}
    import torch
    from torch.backends import cudnn

    found = [torch.cuda.get_device_properties(device) for device in named]
    return {
        "devices": [
            {"name": each.name, "memory_bytes": each.total_memory, "multiprocessors": each.multi_processor_count}
            for each in found
        ],
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": cudnn.version(),  # type: ignore[no-untyped-call]
    }


def _driver(told: Path = Path("/proc/driver/nvidia/version")) -> str:
    """Return the version of NVIDIA's driver as the system tells it; nothing: it does not."""
    try:
        return told.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return ""


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()

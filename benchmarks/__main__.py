"""Run all benchmarks, or those named: `python -m benchmarks startup exploit`."""

import os
import sys
from importlib import import_module

from pbt_gan.executors.threads import MEMORY

BENCHMARKS = (
    "startup",
    "decisions",
    "waiting",
    "exploit",
    "model_based",
    "training",
    "parts",
    "scaling",
    "sharing",
    "memory",
    "streaming",
    "ready_point",
    "whole_command",
)
LONG = ("scale", "flat", "growth")
"""Those take minutes and more, and run only if they are named."""

if __name__ == "__main__":  # benchmarks start processes, which import this again
    names = sys.argv[1:] or BENCHMARKS
    if unknown := set(names) - {*BENCHMARKS, *LONG}:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(BENCHMARKS + LONG)}.")
    if not MEMORY.keys() <= os.environ.keys():  # the same memory for both sides of every comparison: that of a worker
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *names], {**os.environ, **MEMORY})
    for name in names:
        for measurement in import_module(f"benchmarks.{name}").main():
            print(measurement.line(), flush=True)

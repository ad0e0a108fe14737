"""Run all benchmarks, or those named: `python -m benchmarks startup exploit`."""

import sys
from importlib import import_module

BENCHMARKS = ("startup", "decisions", "exploit", "training")

for name in sys.argv[1:] or BENCHMARKS:
    for measurement in import_module(f"benchmarks.{name}").main():
        print(measurement.line(), flush=True)

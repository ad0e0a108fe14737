"""What each preset may ask of a GPU, kept in the repository: a change that asks for more is seen.

`python -m benchmarks.budgets` says what has changed; with `write` behind it, it also writes it down.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.program import program, settings_of, shape_of
from pbt_gan.config.source import presets

FILE = Path(__file__).resolve().parents[1] / "tests" / "golden" / "programs.json"

Budget = Mapping[str, Any]
"""Of a step `launches`, `convolutions` and `megabytes`, those moved on the GPU; `sent_kilobytes` to it; `waits` of the
host in a step; and `waits_of_an_order` besides its steps, by the file in which they are."""

CASES = [*((preset, "bfloat16") for preset in sorted(presets())), ("seed-dcgan", "tf32"), ("digits", "float32")]


def measured(preset: str, dtype: str) -> Budget:
    """Return what a preset asks."""
    step, order = program(settings_of(preset, dtype=dtype), *shape_of(preset))
    return {
        "launches": step.total.launches,
        "convolutions": step.convolutions,
        "megabytes": round(step.total.moved_bytes / 1e6),
        "sent_kilobytes": round(step.sent_bytes / 1e3),
        "waits": dict(step.waits),
        "waits_of_an_order": dict(sorted(order.waits.items())),
    }


def budgets() -> tuple[str, Mapping[str, Budget]]:
    """Return what is written down, by preset and dtype, and the version of torch with which it was counted."""
    written: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return written["torch"], written["programs"]


def torch_version() -> str:
    """Return torch's version without what it was built for; another one may take other operations."""
    return str(torch.__version__).partition("+")[0]


def differences(name: str, found: Budget, allowed: Budget) -> Iterator[str]:
    """Yield a line for each number that is not as it is written."""
    for key, value in found.items():
        if value != allowed.get(key):
            yield f"{name}: {key} {allowed.get(key, 'nothing')} -> {value}"


def main(arguments: list[str]) -> Iterator[str]:
    """Say what has changed, and write it if that is asked for."""
    _, written = budgets()
    found = {}
    for preset, dtype in CASES:
        name = f"{preset} {dtype}"
        found[name] = measured(preset, dtype)
        yield from differences(name, found[name], written.get(name, {}))
    if arguments == ["write"]:
        FILE.write_text(json.dumps({"torch": torch_version(), "programs": found}, indent=1) + "\n", encoding="utf-8")
    else:
        yield "Nothing was written: python -m benchmarks.budgets write"


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)

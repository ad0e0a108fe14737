"""Runs as one types them, and what their folders tell."""

import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Told(NamedTuple):
    """What is known of a run that has ended."""

    seconds: float
    records: Sequence[Mapping[str, Any]]
    folder: Path

    @property
    def steps(self) -> int:
        """How many steps all members together have trained."""
        last = {record["member"]: record["trained_steps"] for record in self.records if record["type"] == "report"}
        return sum(last.values())

    @property
    def group(self) -> int:
        """How many members a worker trained together at most."""
        config = tomllib.loads((self.folder / "config.toml").read_text(encoding="utf-8"))
        chosen = config["executor"]["vectorize"]
        return 1 if chosen == "off" else int(chosen)


def train(folder: Path, *arguments: str) -> Told:
    """Run `pbt-gan train` into a new folder; what it says on its way goes to this process's log."""
    command = [sys.executable, "-m", "pbt_gan", "train", "--out", str(folder), *arguments]
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    seconds = time.perf_counter() - began_s
    lines = (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    return Told(seconds, [json.loads(line) for line in lines], folder)


def digits(device: str, members: int, steps: int, ready: int) -> list[str]:
    """Return the arguments of a run of `digits` whose members all train to the end."""
    return [
        "digits", "--device", device, "--set", f"pbt.population=[[0, {members}]]", "--steps", str(steps),
        "--set", f"pbt.ready_interval={ready}", "--set", "pbt.selection.warmup=0",
    ]  # fmt: skip

"""Runs as one types them, and what their folders tell."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pbt_gan.core.rng import stream


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
    def lines(self) -> Sequence[str]:
        """What was said."""
        return (self.folder / "log.txt").read_text(encoding="utf-8").splitlines()


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


def seed(device: str, members: int, steps: int, folder: Path) -> list[str]:
    """Return the arguments of a run of the seed project's nets on random images, which is ready once."""
    images = stream(0, "images").integers(0, 256, (2_000, 32, 32, 3), dtype=np.uint8)
    np.savez(folder / "images.npz", images=images, labels=np.arange(len(images)) % 10)
    return [
        "seed-dcgan", "--device", device, "--data", str(folder / "images.npz"), "--population", str(members),
        "--steps", str(steps), "--set", f"pbt.ready_interval={steps // 2}", "--set", f"pbt.score_interval={steps // 2}",
        "--set", "task.dtype=bfloat16",
    ]  # fmt: skip

"""The kinds of runs that a storm goes over."""

import sys
from dataclasses import dataclass
from pathlib import Path

from pbt_gan.executors.allowance import total_bytes
from tools.chaos.walk import deeds_of

MEMBERS = 4
READY_INTERVAL = 10
DEADLINE_S = 3.0
"""Of an order that takes milliseconds: a busy machine may be slow."""

_WORKER_BYTES = 400e6


@dataclass(frozen=True, slots=True)
class Kind:
    """Where members train, and what they are compared by."""

    executor: str
    group: int = 1
    mode: str = "sync"
    comparison: str = "latest"
    steps: int = 2_000  # of each member; an order takes milliseconds

    def __str__(self) -> str:
        """Return it in words."""
        rule = self.mode if self.mode == "sync" else f"{self.mode} {self.comparison}"
        return f"{self.executor}{', groups' if self.group > 1 else ''}, {rule}"

    @property
    def orders(self) -> int:
        """Of the whole run."""
        return MEMBERS * self.steps // READY_INTERVAL

    @property
    def here(self) -> bool:
        """Whether the run's own process trains."""
        return self.executor == "serial"

    def command(self, folder: Path) -> list[str]:
        """Return the command that begins such a run, or goes on with it."""
        memory = min(1.0, _WORKER_BYTES / total_bytes(Path("/")))
        code = Path(__file__).with_name("walk.py")
        settings = {
            "pbt.ready_interval": READY_INTERVAL,
            "pbt.exploit": "tournament",
            "pbt.mode": self.mode,
            "pbt.comparison": self.comparison,
            "checkpoints.every_s": 0.02,
            "task.deeds": f'"{deeds_of(folder)}"',
            "listeners": f'["{code}:Clock"]',
            **({} if self.here else {"executor.deadline_s": DEADLINE_S, "executor.memory_fraction": f"{memory:.6f}"}),
            **({"executor.vectorize": self.group} if self.group > 1 else {}),
        }
        options = ["--out", str(folder), "--population", str(MEMBERS), "--steps", str(self.steps), "--seed", "3"]
        options += ["--executor", self.executor, "--workers", "1" if self.here else "2"]
        options += [f"--set={key}={value}" for key, value in settings.items()]
        return [sys.executable, "-m", "pbt_gan", "train", f"{code}:Walk", *options]


KINDS = tuple(
    Kind(executor, group, mode, comparison)
    for mode, comparison in (("sync", "latest"), ("async", "latest"), ("async", "fair"))
    for executor, group in (("serial", 1), ("processes", 1), ("processes", 2))
)

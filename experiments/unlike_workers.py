"""Synchronous and asynchronous PBT, with both rules of comparison, where some workers are slower than others.

    python experiments/unlike_workers.py FOLDER --seeds 740,741,742,743,744,745,746,747,748,749
    python experiments/unlike_workers.py FOLDER --real --seeds 750,751

GANs on `digits` whose rates begin within four decades, the same population and steps in every arm. The first command
trains for real, in this process, while a simulated clock says when each answer comes: six workers, the slowest of
which take four times as long for a step as the fastest. It tells quality, and how long the run would take. The second
command trains in two worker processes, one of which sleeps three times as long as it has trained; it tells how long a
run takes by the clock on the wall. What is in FOLDER already is kept, so the same command goes on after it was stopped.
The table is printed, and lies in FOLDER/unlike-workers.json or FOLDER/unlike-workers-real.json.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import torch
from numpy.random import Generator as Random

import pbt_gan
from pbt_gan.config.settings import Config
from pbt_gan.core.population import Hyperparams, Order
from pbt_gan.core.records import Exploit, Record, Report
from pbt_gan.core.rng import stream
from pbt_gan.core.state import State
from pbt_gan.engine import Engine
from pbt_gan.executors.simulated import SimulatedExecutor
from pbt_gan.gan.task import GanTask
from pbt_gan.interfaces import GroupTrainer, Images, Listener, RunContext, Streams, Training, Tree
from pbt_gan.runs.folder import scorers
from pbt_gan.runs.project import Project
from pbt_gan.studies.experiment.statistics import gain

ARMS: Mapping[str, Mapping[str, Any]] = {
    "sync": {"mode": "sync"},
    "async, latest": {"mode": "async", "comparison": "latest"},
    "async, fair": {"mode": "async", "comparison": "fair"},
}

SECONDS_PER_STEP = (1.0, 1.0, 2.0, 2.0, 4.0, 4.0)
"""Of each simulated worker, on average."""

JITTER = 0.1
"""An order takes by so large a part more or less, drawn evenly: or else workers would answer in step for ever."""

SLEEPS = 3.0
"""The slower of two real workers sleeps so many times as long as it has trained."""

PBT: Mapping[str, Any] = {
    "population_size": 8,
    "ready_interval": 50,
    "exploit": {"name": "truncation", "fraction": 0.2},
    "explore": {"name": "perturb", "factors": [0.5, 2.0]},
}
RATE = {"init": [1e-5, 1e-1], "bounds": [1e-6, 1e-1], "scale": "log"}


def main() -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where everything is kept")
    parser.add_argument("--steps", type=int, default=600, help="of each member")
    parser.add_argument("--seeds", default="740,741,742,743,744,745,746,747,748,749")
    parser.add_argument("--real", action="store_true", help="in worker processes, by the clock on the wall")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    path = asked.folder / f"unlike-workers{'-real' if asked.real else ''}.json"
    found = json.loads(path.read_text()) if path.exists() else {"steps": asked.steps, "runs": []}
    for seed in map(int, asked.seeds.split(",")):
        for arm in ARMS:
            if any((run["arm"], run["seed"]) == (arm, seed) for run in found["runs"]):
                continue
            train = in_processes if asked.real else by_a_simulated_clock
            found["runs"].append({"arm": arm, "seed": seed, **train(settings(arm, seed, asked.steps))})
            path.write_text(json.dumps(found, indent=1) + "\n")
            print(found["runs"][-1], flush=True)
    print(table(found["runs"]))


def settings(arm: str, seed: int, steps: int) -> dict[str, Any]:
    """Return the configuration of one run."""
    return {
        "name": "unlike",
        "seed": seed,
        "task": {"name": "gan", "data": "digits", "beta1": 0.0},
        "pbt": {**PBT, **ARMS[arm], "total_steps": steps},
        "space": {"lr_g": RATE, "lr_d": RATE},
        "metrics": {"samples": 1_000, "held_out_samples": 1_000},
    }


class Heard(Listener):
    """Keeps the records of a run."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def record(self, record: Record, preview: Images | None) -> None:
        """Keep one."""
        self.records.append(record)


def by_a_simulated_clock(table: Mapping[str, Any]) -> dict[str, Any]:
    """Train here, as workers of unlike speed would."""
    project = Project(Config.model_validate(table))
    with TemporaryDirectory() as name:
        folder = Path(name)
        project.prepare(folder)
        busy_s, seed = list[float](), project.config.seed

        def duration(order: Order, slot: int) -> float:
            luck = stream(seed, "jitter", order.member, order.interval, order.attempt).uniform(1 - JITTER, 1 + JITTER)
            busy_s.append(order.steps * SECONDS_PER_STEP[slot] * luck)
            return busy_s[-1]

        slots = len(SECONDS_PER_STEP)
        executor = SimulatedExecutor(project.task, seed=seed, folder=scorers(folder), slots=slots, duration=duration)
        heard = Heard()
        context = RunContext(None, project.config.plain(), project.task.cards(), (), None, project.total_orders)
        Engine(project.controller, executor, listeners=[heard]).run(State(), context)
    return {
        **quality(heard.records),
        "clock_s": round(executor.now_s, 1),
        "idle_share": round(1 - sum(busy_s) / (slots * executor.now_s), 4),  # the end included
    }


def in_processes(table: Mapping[str, Any]) -> dict[str, Any]:
    """Train in two worker processes of unlike speed."""
    with TemporaryDirectory() as name:
        began_s = time.monotonic()
        run = pbt_gan.run(
            f"{__file__}:Unlike",
            task={name: value for name, value in table["task"].items() if name != "name"},
            **{key: table[key] for key in ("seed", "pbt", "space", "metrics")},
            executor={"name": "processes", "workers": 2, "vectorize": "off"},
            out=Path(name) / "run",
            quiet=True,
        )
        took_s = time.monotonic() - began_s
        return {**quality(run.records()), "clock_s": round(took_s, 1)}


def quality(records: Sequence[Record]) -> dict[str, Any]:
    """Return what a run came to: of its best member by selection, the score that never selected anything."""
    reports = [record for record in records if isinstance(record, Report)]
    best = max((report for report in reports if report.score == report.score), key=lambda report: report.score)
    copies = [record for record in records if isinstance(record, Exploit) and record.donor is not None]
    return {
        "score": round(best.score, 4),
        "held_out_cs": round(best.metrics["held_out_cs"], 4),
        "reports": len(reports),
        "copies": len(copies),
        "cost_s": round(sum(report.cost_s for report in reports), 1),
    }


class Unlike(GanTask):
    """The task `gan`, whose first worker is slow."""

    def attach(self, folder: Path, device: str) -> Any:
        """Return the trainer, which sleeps in the worker process of number 0."""
        trainer = super().attach(folder, device)
        return _Slow(trainer) if sys.argv[1:2] == ["worker-0"] else trainer


class _Slow(GroupTrainer):
    """A trainer that takes longer than it needs."""

    def __init__(self, trainer: GroupTrainer) -> None:
        self._trainer = trainer

    def init(self, rng: Random) -> Tree:
        return self._trainer.init(rng)

    def train_group(
        self, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> Sequence[Training]:
        began_s = time.monotonic()
        trainings = self._trainer.train_group(states, hyperparams, steps, streams)
        time.sleep(SLEEPS * (time.monotonic() - began_s))
        return trainings

    def score_group(self, states: Sequence[Tree], rng: Random) -> Sequence[Mapping[str, float]]:
        began_s = time.monotonic()
        measured = self._trainer.score_group(states, rng)
        time.sleep(SLEEPS * (time.monotonic() - began_s))
        return measured


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the table for a document."""
    seeds = sorted({run["seed"] for run in runs})
    by_arm = {arm: [run for seed in seeds for run in runs if (run["arm"], run["seed"]) == (arm, seed)] for arm in ARMS}
    lines = ["| arm | held-out CS | against sync | duration | against sync |", "|---|---|---|---|---|"]
    for arm, own in by_arm.items():
        cs, clock_s = [run["held_out_cs"] for run in own], [run["clock_s"] for run in own]
        spread = f" ± {stdev(cs):.3f}" if len(cs) > 1 else ""
        told = [arm, f"{mean(cs):.3f}{spread}", "–", f"{mean(clock_s):,.0f} s", "–"]
        if arm != "sync" and len(own) == len(by_arm["sync"]):
            better = gain(cs, [run["held_out_cs"] for run in by_arm["sync"]])
            low, high = better.interval or (0.0, 0.0)
            told[2] = f"{better.mean:+.3f} ({low:+.3f} … {high:+.3f})"
            told[4] = f"{mean(run['clock_s'] for run in by_arm['sync']) / mean(clock_s):.2f} times as fast"
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

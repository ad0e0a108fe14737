"""Seeded runs whose records are kept in the repository: no refactoring and no new default changes one unseen.

`make golden` writes them anew. Change them only on purpose, and say so in CHANGELOG.md ("seeded runs differ").
"""

import json
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

import pbt_gan
from pbt_gan.config.settings import Config
from pbt_gan.core.controller import Controller
from pbt_gan.core.records import Exploit, Record, Report, timeless
from pbt_gan.core.state import State
from pbt_gan.executors.simulated import SimulatedExecutor
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.toy.quadratic import Quadratic
from pbt_gan.validation import validated

GOLDEN = Path(__file__).parent / "golden"

BASE: dict[str, Any] = {
    "task": "quadratic",
    "population_size": 4,
    "total_steps": 40,
    "ready_interval": 10,
    "score_interval": 5,
    "seed": 3,
}
RUNS: dict[str, dict[str, Any]] = {
    "truncation": {"exploit": {"name": "truncation", "fraction": 0.5}, "explore": "perturb"},
    "tournament": {"exploit": "tournament", "explore": "resample"},
    "t-test": {"exploit": {"name": "t_test", "alpha": 0.5}, "explore": {"name": "perturb_or_resample", "who": "all"}},
    "weights": {"exploit": {"name": "tournament", "copies": "weights"}, "explore": "none"},
    "async": {"mode": "async", "exploit": "tournament", "explore": "perturb"},
}


SPEEDS = (1.0, 0.7, 0.4, 0.25)
"""Of four simulated workers, in steps a second; the second one comes late, and the last one goes home once."""


def lines(run: Run) -> list[str]:
    records = run.records()
    decided = [r for r in records if isinstance(r, Report | Exploit)]
    decided.sort(key=lambda r: (r.interval, r.recipient if isinstance(r, Exploit) else r.member, type(r).__name__))
    return told(decided)


def told(records: Iterable[Record]) -> list[str]:
    return [json.dumps(timeless(record), sort_keys=True) for record in records]


def simulated(**settings: Any) -> list[Record]:
    """Run on simulated workers of unlike speed, one of which fails, one comes late and one leaves and returns."""
    pbt = {name: value for name, value in BASE.items() if name not in ("task", "seed")}
    config = validated(
        Config, {"task": "quadratic", "seed": BASE["seed"], "pbt": {**pbt, "total_steps": 80, **settings}}
    )
    controller = Controller(Project(config).plan)
    executor = SimulatedExecutor(
        Quadratic(), seed=BASE["seed"], slots=len(SPEEDS), duration=lambda order, slot: order.steps / SPEEDS[slot],
        failures={(0, 3, 1): "task", (2, 2, 1): "worker"},
        shifts={1: [(12.0, math.inf)], 3: [(0.0, 30.0), (45.0, math.inf)]},
    )  # fmt: skip
    state, records = controller.start(State())
    while not controller.done(state):
        state, orders = controller.ask(state, executor.free_slots())
        executor.submit(orders)
        state, news = controller.tell(state, executor.next_reports(1.0))
        records += news
        executor.keep(controller.needed(state))
    return records


def hold(name: str, written: Sequence[str]) -> None:
    """Hold lines to those that are kept, or keep them."""
    file = GOLDEN / f"{name}.jsonl"
    if os.environ.get("PBT_GAN_GOLDEN") == "write":
        file.write_text("\n".join(written) + "\n")
    assert written == file.read_text().splitlines(), "meant to change? `make golden`, and say why in CHANGELOG.md"


@pytest.mark.parametrize("name", RUNS)
def test_a_seeded_run_writes_the_golden_records(name):
    hold(name, lines(pbt_gan.run(**BASE, **RUNS[name])))


@pytest.mark.parametrize("comparison", ["latest", "fair"])
def test_a_seeded_run_on_workers_of_unlike_speed_writes_the_golden_records_in_their_order(comparison):
    rules = {"exploit": {"name": "truncation", "fraction": 0.5}, "explore": "perturb"}
    hold(f"async-{comparison}", told(simulated(mode="async", comparison=comparison, **rules)))

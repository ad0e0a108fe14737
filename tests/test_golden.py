"""Seeded runs whose records are kept in the repository: no refactoring and no new default changes one unseen.

`make golden` writes them anew. Change them only on purpose, and say so in CHANGELOG.md ("seeded runs differ").
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

import pbt_gan
from pbt_gan.core.records import Exploit, Report, timeless
from pbt_gan.runs.result import Run

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


def lines(run: Run) -> list[str]:
    records = run.records()
    decided = [r for r in records if isinstance(r, Report | Exploit)]
    decided.sort(key=lambda r: (r.interval, r.recipient if isinstance(r, Exploit) else r.member, type(r).__name__))
    return [json.dumps(timeless(record), sort_keys=True) for record in decided]


@pytest.mark.parametrize("name", RUNS)
def test_a_seeded_run_writes_the_golden_records(name):
    written = lines(pbt_gan.run(**BASE, **RUNS[name]))
    file = GOLDEN / f"{name}.jsonl"
    if os.environ.get("PBT_GAN_GOLDEN") == "write":
        file.write_text("\n".join(written) + "\n")
    assert written == file.read_text().splitlines(), "meant to change? `make golden`, and say why in CHANGELOG.md"

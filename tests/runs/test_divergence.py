"""A run of GANs of which half begin with rates that nothing can be trained with."""

import math
from pathlib import Path
from typing import Any

import pytest

from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.lineage import History
from pbt_gan.core.records import Exploit
from pbt_gan.engine import Stop
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.store.reader import read_run
from pbt_gan.testing.strategies import Stopping
from pbt_gan.validation import validated

STABLE: dict[str, Any] = {"init": [5e-4, 2e-3], "bounds": [1e-6, 1.0]}
GAN: dict[str, Any] = {
    "task": {"name": "gan", "data": "digits", "width": 4, "z_size": 8, "batch_size": 8},
    "pbt": {
        "population_size": 4,
        "total_steps": 300,
        "ready_interval": 100,
        "score_interval": 50,
        "initial": [{"lr_g": 1.0, "lr_d": 1.0}] * 2,
    },
    "space": {"lr_g": STABLE, "lr_d": STABLE},
    "metrics": {"samples": 100, "held_out_samples": 100},
    "executor": {"name": "serial"},
}


def config(mode: str, **changes: Any) -> Config:
    return validated(Config, merged(merged(GAN, {"pbt": {"mode": mode}}), changes))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_with_rates_of_1_for_half_of_the_members_all_end_healthy(mode: str, tmp_path: Path) -> None:
    assert start(Project(config(mode)), tmp_path) == "finished"
    history = History.of(read_run(tmp_path).records)
    lost = {report.member: report.diverged for report in history.reports if not math.isfinite(report.score)}
    assert 0 in lost
    assert set(lost) <= {0, 1}  # the other one may be replaced before it diverges, for what it scores
    assert all("the generator has collapsed" in why for why in lost.values())
    assert all(math.isfinite(report.score) for report in history.living.values())
    assert history.member_steps <= 4 * 300


@pytest.mark.slow
def test_a_run_in_which_members_diverge_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    start(Project(config("sync")), tmp_path / "whole")
    stop = Stop()
    made = Project(config("sync"))
    assert start(made, tmp_path / "cut", stop=stop, listeners=lambda folder: [Stopping(stop, 9)]) == "enough"
    assert go_on(tmp_path / "cut") == "finished"
    one, other = (
        [record for record in read_run(tmp_path / name).records if isinstance(record, Exploit)]
        for name in ("whole", "cut")
    )
    assert repr(one) == repr(other)

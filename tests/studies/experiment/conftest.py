"""A small experiment on the toy, carried out once."""

from pathlib import Path
from typing import Any

import pytest

from pbt_gan.studies.experiment.conduct import conduct
from pbt_gan.studies.experiment.plan import Experiment, read_experiment

TOY: dict[str, Any] = {
    "pbt": {
        "population_size": 3,
        "total_steps": 60,
        "ready_interval": 10,
        "exploit": "tournament",
        "explore": "resample",
    },
    "executor": {"name": "serial", "workers": 1},
    "checkpoints": {"every_s": 0.0},
    "experiment": {"arms": ["pbt", "random-search", "longer", "replay"], "seeds": [0, 1]},
}


def toy(**changes: Any) -> Experiment:
    return read_experiment("quadratic", [TOY, changes])


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, Path]:
    """A finished experiment and its folder, which nobody may change."""
    folder = tmp_path_factory.mktemp("experiment") / "toy"
    experiment = toy()
    assert conduct(experiment, folder)
    return experiment, folder

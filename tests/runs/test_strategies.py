"""Every strategy that a config can name: under every executor, in both modes, stacked, cut and gone on with."""

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest

from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.plan import Mode
from pbt_gan.core.population import WHOLE
from pbt_gan.core.tables import EXPLOIT, EXPLORE, POLICIES
from pbt_gan.engine import Stop
from pbt_gan.errors import ConfigError
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.runs.result import Run
from pbt_gan.testing import StrategyConformance
from pbt_gan.testing.strategies import Stopping

SHRINKING = {"population": [[0, 6], [0.3, 2], [0.6, 1]]}
STAGES = {"population": [[0, 6], [0.4, 1]]}
GROWING = {"population": [[0, 2], [0.4, 5], [0.6, 1]]}

SHAPES: Mapping[str, Mapping[str, Any]] = {"fixed": {}, "shrinking": SHRINKING, "stages": STAGES, "growing": GROWING}
"""Of a population. Not every policy has each."""


def taken(policy: str) -> list[str]:
    """Which of the shapes a policy has; a new one is asked like all others."""
    found = []
    for shape, population in SHAPES.items():
        with contextlib.suppress(ConfigError):
            StrategyConformance()._plan({"policy": policy, **population}, "sync")
            found.append(shape)
    return found


TAKEN = {policy: taken(policy) for policy in POLICIES}

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    **{f"{name}, {shape}": {"policy": name, **SHAPES[shape]} for name in POLICIES for shape in TAKEN[name]},
    **{f"exploit {name}": {"exploit": name} for name in EXPLOIT},
    **{f"explore {name}": {"explore": name} for name in EXPLORE},
    "copies on trial": {"explore": {"when": "proved"}},
    "patience": {"policy": {"name": "pbt", "patience": 2}},
    "ipbt, impatient": {"policy": {"name": "ipbt", "patience": 1}},
    "ipbt, a rule that remembers": {"policy": {"name": "ipbt", "patience": 1}, "explore": "settle"},
    "fire, impatient": {"policy": {"name": "fire", "patience": 2}, "explore": "settle"},
    "mf-pbt, three": {"policy": {"name": "mf-pbt", "intervals": [1, 2, 3]}, "explore": "settle"},
    "hyperband, by threes": {"policy": {"name": "hyperband", "eta": 3}, "population_size": 9},
}
"""By a name for a person: what stands under [pbt]."""


class TestBuiltIn(StrategyConformance):
    """The public suite, with all that the tables name."""

    @pytest.fixture(params=SETTINGS)
    def setting(self, request: pytest.FixtureRequest) -> Mapping[str, Any]:
        return SETTINGS[request.param]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_says_at_once_which_populations_it_has_not(policy):
    assert TAKEN[policy]
    for shape in SHAPES.keys() - TAKEN[policy]:
        with pytest.raises(ConfigError, match=r"pbt\.population"):
            StrategyConformance()._plan({"policy": policy, **SHAPES[shape]}, "sync")


REAL = [name for name in SETTINGS if not name.startswith(("exploit", "explore"))]
"""Those that bear, retire or keep something: what rules decide is all the same to an executor."""


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_in_worker_processes_it_is_the_run_of_the_serial_executor(name, tmp_path):
    suite = StrategyConformance()
    suite._run(SETTINGS[name], "sync", tmp_path / "serial")
    suite._run(SETTINGS[name], "sync", tmp_path / "processes", executor={"name": "processes", "workers": 2})
    suite._compare(tmp_path / "serial", tmp_path / "processes")


STEPS = {"ready_interval": 2, "total_steps": 8}
COMPONENTS = {
    "generator": {"exploit": {"copies": ["generator"]}},
    "discriminator and hyperparameters": {"exploit": {"copies": ["discriminator", "hyperparams"]}},
}


class Nets(StrategyConformance):
    """The suite with a GAN, small enough to train in moments."""

    task = "gan"

    def _config(self, setting: Mapping[str, Any], mode: Mode, **changes: Any) -> Config:
        small = {"name": "gan", "data": "digits", "width": 4, "z_size": 8, "batch_size": 8}
        own = {
            "task": small,
            "metrics": {"samples": 100, "held_out_samples": 100},
            "space": {"lr_g": [1e-3, 1e-2], "lr_d": [1e-3, 1e-2]},
        }
        return super()._config({**STEPS, **setting}, mode, **merged(own, changes))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(f"{policy}, {TAKEN[policy][-1]}" for policy in POLICIES), *COMPONENTS])
def test_stacked_and_stopped_it_is_the_run_of_members_alone(name, tmp_path):
    suite, setting = Nets(), {**SETTINGS, **COMPONENTS}[name]
    suite._run(setting, "sync", tmp_path / "alone")
    stop, stacked = Stop(), suite._config(setting, "sync", executor={"vectorize": 3})
    assert start(Project(stacked), tmp_path / "group", stop=stop, listeners=lambda _: [Stopping(stop, 10)]) == "enough"
    assert go_on(tmp_path / "group") == "finished"
    suite._compare(tmp_path / "alone", tmp_path / "group")


@pytest.mark.slow
def test_a_generator_that_was_copied_alone_trains_on_against_its_new_discriminator(tmp_path):
    suite = Nets()
    suite._run({"exploit": {"name": "truncation", "copies": ["generator"]}}, "sync", tmp_path / "run")
    run = Run.open(tmp_path / "run")
    mixed = [exploit for exploit in run.history.changes if exploit.copied == ("generator",)]
    assert mixed
    assert all(set(exploit.sources) == {WHOLE, "g"} for exploit in mixed)
    assert all(exploit.before == exploit.after or exploit.operation == "perturb" for exploit in mixed)

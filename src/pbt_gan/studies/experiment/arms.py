"""The arms that an experiment can compare: what each changes of the configuration that all of them share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pbt_gan.config.schedules import schedule_settings
from pbt_gan.config.settings import Config
from pbt_gan.core.schedule import Decay, replay
from pbt_gan.core.space import Space, middles
from pbt_gan.runs.replay import NOBODY_COPIES
from pbt_gan.runs.result import Run

Table = Mapping[str, Any]

PBT, RANDOM_SEARCH = "pbt", "random-search"

OTHER_SEED = 1_000_000
"""Added to the seed of a replay, so that it repeats the schedule and nothing else."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of spending the cost of a run."""

    says: str  # what it is, for the protocol
    change: Callable[[Config, Space, Run | None], Table]  # of the shared config, its space, and the run of `after`
    after: str | None = None  # the arm whose run of the same seed it needs


def _decayed(shape: Decay) -> Arm:
    def change(config: Config, space: Space, found: Run | None) -> Table:
        return {"pbt": {**NOBODY_COPIES, "schedule": {"decay": shape}}}

    return Arm(f"random search whose rates decay to a hundredth, {shape}", change)


def _copying(what: str, says: str) -> Arm:
    return Arm(says, lambda config, space, found: {"pbt": {"exploit": {"copies": what}}})


def _search(config: Config, space: Space, found: Run | None) -> Table:
    return {"pbt": NOBODY_COPIES}


def _fixed(config: Config, space: Space, found: Run | None) -> Table:
    return {"pbt": {**NOBODY_COPIES, "initial": [middles(space)] * config.pbt.population_size}}


def _longer(config: Config, space: Space, found: Run | None) -> Table:
    size, steps = config.pbt.population_size, config.pbt.total_steps
    one = {"population_size": 1, "total_steps": size * steps, "initial": [middles(space)]}
    return {"pbt": {**NOBODY_COPIES, **one}}


def _replay(config: Config, space: Space, found: Run | None) -> Table:
    assert found is not None  # this arm comes after PBT's
    schedule = replay(found.lineage(), same_streams=False)
    return {
        "seed": config.seed + OTHER_SEED,
        "pbt": {**NOBODY_COPIES, "schedule": schedule_settings(schedule)},
    }


ARMS: Mapping[str, Arm] = {
    PBT: Arm("PBT, with the rules of the config", lambda config, space, found: {}),
    RANDOM_SEARCH: Arm("the same members and initial draws as PBT, without exploit and explore", _search),
    "fixed": Arm("every member has the middle of each hyperparameter's init; they differ in seeds only", _fixed),
    "linear": _decayed("linear"),
    "exponential": _decayed("exponential"),
    "cosine": _decayed("cosine"),
    "weights-only": _copying("weights", "PBT whose recipients copy weights and keep their own hyperparameters"),
    "hyperparameters-only": _copying("hyperparams", "PBT whose recipients copy hyperparameters and keep their weights"),
    "longer": Arm("one member with the setting of `fixed`, trained as many steps as all members together", _longer),
    "replay": Arm(
        "new members, each trained with the schedule that PBT's best member of that seed found (the search is not "
        "charged to it)",
        _replay,
        after=PBT,
    ),
}

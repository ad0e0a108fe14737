"""One member trained again with the schedule that PBT found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbt_gan.config.schedules import schedule_settings
from pbt_gan.config.settings import Config
from pbt_gan.config.source import merged
from pbt_gan.core.population import START
from pbt_gan.core.schedule import replay
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.runs.places import check_places
from pbt_gan.runs.result import Run
from pbt_gan.store.reader import checkpoint_bytes
from pbt_gan.validation import validated

NOBODY_COPIES: Mapping[str, Any] = {
    "policy": {"name": "pbt"},
    "exploit": {"name": "none"},
    "explore": {"name": "none"},
}
"""What makes a population of PBT one of members that train each for itself."""


def replay_config(run: Run, member: str = "best", seed: int | None = None) -> Config:
    """Return the configuration that trains one member with a member's schedule.

    Args:
        run: where the schedule was found.
        member: `best`, `last-best` or a number.
        seed: None: the run's own, with the random numbers of each slot that the weights went through; on the same kind
            of CPU the weights come out bit-equal. Another: the schedule alone is repeated.

    Raises:
        ConfigError: there is no such member.
        RunFolderError: a file of the run is gone, or it would run a stranger's code.
    """
    report = run.member(member)
    ancestry = run.history.ancestry(report.member, report.interval)
    own = run.config["seed"]
    if seed in (None, own) and run.history.assembled(report.member, report.interval):
        raise ConfigError(
            f"Member {report.member} was put together of components of several members, which the random numbers of "
            "one line do not repeat. Name another seed, and its schedule alone is repeated."
        )
    schedule = replay(ancestry, same_streams=seed in (None, own))
    # Whatever the policy did besides, and how many members there were when, is no part of a schedule; what was laid
    # over the members' own values is in its rows.
    own_ways = ("policy", "phases", "schedule", "start_from")
    shared = {key: value for key, value in run.config["pbt"].items() if key not in own_ways}
    change = {
        "name": f"{run.config['name']}-replay",
        "seed": own if seed is None else seed,
        "pbt": {
            **NOBODY_COPIES,
            "population_size": 1,
            "total_steps": report.step - ancestry[0].start_step,
            "mode": "sync",
            "initial": [],
            "schedule": schedule_settings(schedule),
            **_begun(run),
        },
    }
    whole = {key: value for key, value in run.config.items() if key != "stop"}  # a replay goes as far as its member
    config = validated(Config, merged({**whole, "pbt": shared}, change))
    check_places(config.plain())
    run.check_code(config.plain())
    return config


def _begun(run: Run) -> Mapping[str, Any]:
    """Return the setting by which a replay starts from what its run has started from, which that run keeps."""
    start = run.config["pbt"].get("start_from")
    if start is None:
        return {}
    return {"start_from": start if run.folder is None else {"source": str(run.folder.resolve()), "member": START}}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a replay is what it repeats."""

    scores: bool  # every score along the way is the same number
    weights: bool | None  # the whole final state is the same, byte for byte; None: the original's is not kept any more


def agreement(run: Run, replayed: Run, member: str = "best") -> Agreement:
    """Compare a finished replay that used the run's own seed with the member that it repeats."""
    report = run.member(member)
    then = [segment.score for segment in run.history.ancestry(report.member, report.interval)]
    now = replayed.history.by_member[0]
    equal = [repr(score) for score in then] == [repr(each.score) for each in now]  # nan is nan
    theirs, ours = _state(run.folder, report.checkpoint), _state(replayed.folder, now[-1].checkpoint)
    return Agreement(equal, None if theirs is None or ours is None else theirs == ours)


def _state(folder: Path | None, key: str) -> bytes | None:
    try:
        return None if folder is None else checkpoint_bytes(folder, key)
    except RunFolderError:  # a run keeps those of the living, and the best
        return None

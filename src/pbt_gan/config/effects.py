"""Settings of a task that have no effect: refused where a person gives them, and left out where nobody did.

A preset, or a run's own configuration, lists settings that another one may make idle: `--set task.ema=false` on a
preset with a half-life of that average, say. Nobody has said anything wrong then.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pbt_gan import references
from pbt_gan.config.tasks import TASKS
from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import Problem

Table = Mapping[str, Any]


def refuse_without_effect(table: Table, said: Sequence[Table]) -> None:
    """Raise ConfigError if one of the tables that a person has given says something that is ignored.

    Args:
        table: the whole configuration, not checked yet.
        said: what of it was given, each a part of a configuration.
    """
    task = table.get("task")
    if not isinstance(task, Mapping):
        return
    given = {key for part in said if isinstance(part.get("task"), Mapping) for key in part["task"]}
    options = {key: value for key, value in task.items() if key != "name"}
    space = table.get("space")
    begun = _begun(space) if isinstance(space, Mapping) else set()
    for name, reason in _without_effect(str(task.get("name")), options, begun, _devices(table)).items():
        if name in given:
            raise ConfigError(f"task.{name} = {task[name]!r} has no effect: {reason}. Leave it out.")


def in_effect(table: Table, said: Sequence[Table]) -> dict[str, Any]:
    """Return the configuration without what its space evolves in vain, where nobody has given that.

    Args:
        table: as above.
        said: as above.
    """
    task, space = table.get("task"), table.get("space")
    if not isinstance(task, Mapping) or not isinstance(space, Mapping) or task.get("name") not in TASKS:
        return dict(table)
    given = {name for part in said if isinstance(part.get("space"), Mapping) for name in part["space"]}
    name = str(task["name"])
    options = effective(name, {key: value for key, value in task.items() if key != "name"}, space)
    idle = references.load(TASKS[name])(**options).idle
    return {**table, "space": {key: domain for key, domain in space.items() if key in given or key not in idle}}


def effective(task: str, options: Table, space: Table) -> dict[str, Any]:
    """Return the options of a task without those that have no effect; `space`: its table in the configuration."""
    idle = _without_effect(task, options, _begun(space))
    return {name: value for name, value in options.items() if name not in idle}


def _without_effect(task: str, options: Table, begun: set[str], devices: Sequence[str] = ()) -> Mapping[str, str]:
    if task not in TASKS:
        return {}
    problem: type[Problem] = references.load(TASKS[task])
    return problem.without_effect(options, begun, devices)


def _devices(table: Table) -> list[str]:
    executor = table.get("executor")
    device = executor.get("device") if isinstance(executor, Mapping) else None
    return str(device or "cpu").split(",")


def _begun(space: Table) -> set[str]:
    """Return the hyperparameters for which the space says where they begin, by a table with `init` or by that alone."""
    found = set()
    for name, domain in space.items():
        init = domain.get("init") if isinstance(domain, Mapping) else getattr(domain, "init", domain)
        if init is not None:
            found.add(name)
    return found

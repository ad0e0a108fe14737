"""How many members a worker trains as one group: chosen once in a run, by its task or by a trial on this machine.

On a CPU the choice changes no bit of a run, only how long it takes. On a GPU it may change the last ones, so where a
run is to be deterministic the choice is not left to timings, which differ from one time to the next.
"""

import logging
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pbt_gan.config.objects import slots_of, workers_of
from pbt_gan.config.settings import Config
from pbt_gan.core.space import Space
from pbt_gan.errors import ConfigError, PbtGanError, one_line
from pbt_gan.executors.determinism import make_deterministic
from pbt_gan.executors.failing import kind_of
from pbt_gan.interfaces import Problem
from pbt_gan.runs.choices import remembered
from pbt_gan.runs.environment import gpus, machine, versions
from pbt_gan.runs.sizes import fastest, fitting
from pbt_gan.runs.trial import Trial

_STEPS = 5  # of one timing
_ROUNDS = 3  # of which the fastest counts: whatever else runs can only slow one down

log = logging.getLogger(__name__)


def group_of(config: Config) -> int:
    """Return how many members a worker trains at a time, once that is decided."""
    return config.executor.vectorize if isinstance(config.executor.vectorize, int) else 1


def most(config: Config) -> int:
    """Return how many members a worker has to train on a device, at most."""
    return -(-config.pbt.largest // slots_of(config))


def check_groups(config: Config, task: Problem) -> None:
    """Raise ConfigError if groups are asked for that this task does not train."""
    if group_of(config) > 1 and not task.groups:
        raise ConfigError(
            f"executor.vectorize = {group_of(config)}, but {config.task.name} trains one member at a time; "
            "use off, or make it a pbt_gan.GroupTask."
        )


def decided(config: Config, task: Problem, space: Space, folder: Path) -> Config:
    """Return a resolved configuration in which `executor.vectorize` is no longer "auto".

    Args:
        config: resolved otherwise.
        task: it has prepared `folder`.
        space: of what is evolved.
        folder: see `Problem.attach`.
    """
    if config.executor.vectorize != "auto":
        return config
    group = 1
    if task.groups and most(config) > 1:
        try:
            chosen = task.together(most(config), config.executor.devices[0]) or remembered(
                "group", _circumstances(config, task), lambda: _tried(config, task, space, folder)
            )
        except PbtGanError:
            raise
        except Exception as error:  # the workers will say better what is wrong with the task
            log.warning("Groups cannot be tried (%s); members are trained one at a time.", one_line(error))
            chosen = 1
        group = min(chosen, most(config))
    settings = config.executor.model_copy(update={"vectorize": group if group > 1 else "off"})
    return config.model_copy(update={"executor": settings})


def _tried(config: Config, task: Problem, space: Space, folder: Path) -> int:
    members, device = most(config), config.executor.devices[0]
    timed = device == "cpu" or not config.executor.deterministic
    if not timed:
        make_deterministic(device)  # as its workers are: other kernels may need other memory
    trial = Trial(task, space, folder, device)
    if device != "cpu":
        # The whole memory, and not what happens to be free, where another time must choose alike.
        memory_bytes = trial.free_bytes() if timed else trial.total_bytes()
        memory_bytes //= -(-workers_of(config) // len(config.executor.devices))  # that share it
        if config.executor.memory_fraction is not None:
            memory_bytes = min(memory_bytes, int(config.executor.memory_fraction * trial.total_bytes()))
        fit = fitting(trial.peak_bytes, trial.state_bytes(), memory_bytes, members)
        if fit < members:
            log.warning("%d members do not fit into the memory of %s together; a group has %d.", members, device, fit)
        members = fit
    group = fastest(partial(_step_s, trial), members) if timed else members
    trial.release()
    why = (
        "that was the fastest in a trial"
        if timed
        else "as many as fit into its memory, since executor.deterministic leaves nothing to a timing; "
        "executor.vectorize sets another number"
    )
    log.info("A worker trains %d of its %d members together: %s.", group, most(config), why)
    return group


def _step_s(trial: Trial, group: int) -> float:
    """Return the seconds of a step of one of so many members; inf: more than one, for which there is no memory."""
    try:
        return min(trial.step_s(group, _STEPS) for _ in range(_ROUNDS))
    except Exception as error:
        if group == 1 or kind_of(error) != "memory":
            raise
        log.warning("%d members do not fit into the memory together (%s).", group, one_line(error))
    return math.inf


def _circumstances(config: Config, task: Problem) -> Mapping[str, Any]:
    """Return all that the choice depends on; on a GPU not the host's name: each container has one of its own."""
    here, devices = machine(), config.executor.devices
    host = () if "cpu" not in devices else ("host",)
    return {
        "task": config.task.name,
        "arguments": dict(task.arguments()),
        "most": most(config),
        "workers": workers_of(config),
        "devices": devices,
        "gpus": gpus(devices),
        "deterministic": config.executor.deterministic,
        "memory_fraction": config.executor.memory_fraction,
        "machine": {key: here[key] for key in (*host, "processor", "cores")},
        "versions": versions(),
    }

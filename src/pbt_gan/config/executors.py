"""The executors of this package, by the names that a config uses. An executor is imported when it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbt_gan.config.settings import ExecutorSettings
    from pbt_gan.interfaces import Executor, Problem, TaskReference


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to train members."""

    make: "Callable[..., Executor]"  # (task, settings, workers, **seed, folder, group, deterministic and health)
    here: bool = False
    """In the caller's own process: it takes a task that is an object, has one worker on one device with one thread, and
    cannot end what it trains or hold it to a limit."""


def _processes(task: "TaskReference", settings: "ExecutorSettings", workers: int, **common: Any) -> "Executor":
    from pbt_gan.executors.processes import ProcessesExecutor

    return ProcessesExecutor(
        task,
        workers=workers,
        devices=settings.devices,
        threads=settings.threads,
        patient=settings.deadline_s == "off",
        memory_fraction=settings.memory_fraction,
        nice=settings.nice,
        **common,
    )


def _serial(task: "Problem | TaskReference", settings: "ExecutorSettings", workers: int, **common: Any) -> "Executor":
    from pbt_gan.executors.serial import SerialExecutor

    return SerialExecutor(task, device=settings.device, **common)


EXECUTORS: Mapping[str, Kind] = {"processes": Kind(_processes), "serial": Kind(_serial, here=True)}
"""The first is the usual one."""

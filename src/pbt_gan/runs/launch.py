"""Starting a run and going on with one."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomli_w

from pbt_gan import files
from pbt_gan.config.domains import build_space
from pbt_gan.config.objects import (
    build_executor,
    build_plan,
    build_task,
    check_devices,
    listener_makers,
    resolve,
    task_reference,
)
from pbt_gan.config.settings import Config
from pbt_gan.core.controller import Controller, State
from pbt_gan.core.records import Record
from pbt_gan.engine import Engine, Stop
from pbt_gan.errors import ConfigError, RunFolderError
from pbt_gan.interfaces import Executor, Listener, Problem, RunContext
from pbt_gan.runs.environment import machine, versions
from pbt_gan.runs.grouping import check_groups, decided, group_of
from pbt_gan.runs.signals import stopped_by_signals
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.reader import read_run
from pbt_gan.validation import validated

ListenerMaker = Callable[[Path], Sequence[Listener]]

CHANGEABLE = ("pbt.total_steps", "executor", "checkpoints", "listeners", "name")
"""What may differ when a run goes on: on a CPU none of it changes what the run would have become."""

REALS = 64
"""How many real images are laid beside the samples."""


class Project:
    """A configuration made ready: everything that can be wrong with it has been told before this exists.

    Args:
        config: what to train.
        task: an object of this program, to be trained in it; None: what the config names.
    """

    def __init__(self, config: Config, task: Problem | None = None) -> None:
        self.reference = task_reference(config)
        self.task = task if task is not None else build_task(self.reference)
        self._source = task if task is not None else self.reference
        space = build_space(config, self.task)
        self.config = resolve(config, self.task, space)
        self.plan = build_plan(self.config, space)
        self.controller = Controller(self.plan)
        self.listener_makers = listener_makers(self.config)
        check_devices(self.config)
        check_groups(self.config, self.task)

    @property
    def total_orders(self) -> int:
        """How many orders the whole run takes."""
        return self.plan.population_size * -(-self.plan.total_steps // self.plan.score_interval)

    def prepare(self, folder: Path) -> None:
        """Put what all members depend on into the run's folder, and decide what was left to a trial."""
        self.task.prepare(scorers(folder))
        self.config = decided(self.config, self.task, self.plan.space, scorers(folder))

    def executor(self, folder: Path) -> Executor:
        """Start the workers; the project is prepared."""
        return build_executor(self.config, self._source, scorers(folder), group_of(self.config))


def scorers(folder: Path) -> Path:
    """Where a run keeps what its task prepared."""
    return folder / "scorers"


def start(project: Project, folder: Path, *, listeners: ListenerMaker | None = None, stop: Stop | None = None) -> str:
    """Begin a run in a folder that holds none yet, and train it; return how it ended.

    Raises:
        PbtGanError: see its subclasses; the message is for a person.
    """
    _refuse_strangers(folder)
    files.make_folder(folder)
    project.prepare(folder)
    run = {
        "name": project.config.name,
        "config": project.config.plain(),
        "versions": versions(),
        "fingerprint": dict(project.task.fingerprint()),
        "cards": {name: dict(card) for name, card in project.task.cards().items()},
        "time": machine(),
    }
    store = DiskStore.create(folder, run)
    return _run(project, store, folder, State(), listeners, stop)


def go_on(
    folder: Path,
    config: Config | None = None,
    *,
    task: Problem | None = None,
    listeners: ListenerMaker | None = None,
    stop: Stop | None = None,
) -> str:
    """Go on with a run from its last commit and return how it ended; a finished one is left as it is.

    Args:
        folder: the run's.
        config: with changes to what may be changed; None: as it was.
        task: as `Project` takes it.
        listeners: makes those that watch it, given the folder.
        stop: ends it early.

    Raises:
        RunFolderError: there is no run, another process works on it, its data is not what it was, or a change would
            make it another run. It is untouched then.
    """
    view = read_run(folder)
    as_it_was = Project(validated(Config, view.config), task)  # resolved again: a later pbt-gan may have more settings
    project = Project(config, task) if config else as_it_was
    project.config = _as_decided(project.config, as_it_was.config)
    before = as_it_was.config.plain()
    if task is not None:  # an object has filled in its own arguments; it must be built with those of the run
        before["task"] = view.config["task"]
    changed = differences(before, project.config.plain())
    _check_changes(changed)
    _check_total(project, view.records)
    if view.ending == "finished" and project.controller.done(project.controller.fold(view.records)):
        return "finished already"
    project.prepare(folder)
    _check_fingerprint(view.run["fingerprint"], project.task.fingerprint())
    store = DiskStore.resume(folder, {key: new for key, (_, new) in changed.items()})
    state = project.controller.fold(store.records)
    return _run(project, store, folder, state, listeners, stop)


def _as_decided(config: Config, before: Config) -> Config:
    """Return a configuration in which what a run decided by a trial stays decided."""
    if config.executor.vectorize != "auto":
        return config
    settings = config.executor.model_copy(update={"vectorize": before.executor.vectorize})
    return config.model_copy(update={"executor": settings})


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Return what differs between two nested tables, as dotted key → (old, new); None: not there."""
    result: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            result |= differences(before, after, f"{prefix}{key}.")
        elif before != after:
            result[prefix + key] = (before, after)
    return result


def _check_changes(changed: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise RunFolderError unless every change may be made to a run that has begun."""
    for key, (before, after) in changed.items():
        if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in CHANGEABLE):
            raise RunFolderError(
                f"{key} is {before!r} in this run and {after!r} now: it would be another run. "
                f"Give another --out, or change only {', '.join(CHANGEABLE)}."
            )


def _run(
    project: Project,
    store: DiskStore,
    folder: Path,
    state: State,
    listeners: ListenerMaker | None,
    stop: Stop | None,
) -> str:
    stop = stop or Stop()
    with stopped_by_signals(stop), ExitStack() as closing:  # the engine closes both; this is for all before it
        closing.callback(store.close, "error")
        _write_settings(folder, store.run, project.config.plain())
        executor = project.executor(folder)
        closing.callback(executor.close)
        for key in sorted(project.controller.needed(state)):
            executor.restore(key, store.data(key))
        own = [make(folder) for make in project.listener_makers]
        engine = Engine(
            project.controller,
            executor,
            store,
            [*(listeners(folder) if listeners else ()), *own],
            commit_every_s=project.config.checkpoints.every_s,
            deadline_s=project.config.executor.deadline_s,
            stop=stop,
        )
        state = engine.run(state, _context(project, store.records, folder))
    return "finished" if project.controller.done(state) else str(stop.reason)


def in_memory(config: Config, listeners: Sequence[Listener] = (), task: Problem | None = None) -> None:
    """Train a population of which nothing is kept but what the listeners hear. The task runs in this process."""
    serial = config.executor.model_copy(update={"name": "serial"})
    project = Project(config.model_copy(update={"executor": serial}), task)
    with TemporaryDirectory() as name:
        folder = Path(name)
        project.prepare(folder)
        own = [make(folder) for make in project.listener_makers]
        engine = Engine(project.controller, project.executor(folder), listeners=[*listeners, *own])
        engine.run(State(), _context(project, (), None))


def _context(project: Project, records: Sequence[Record], folder: Path | None) -> RunContext:
    return RunContext(
        folder=folder,
        config=project.config.plain(),
        cards=project.task.cards(),
        records=records,
        reals=project.task.reals(REALS),
        total_orders=project.total_orders,
    )


def _refuse_strangers(folder: Path) -> None:
    """A folder with somebody's files in it is not made a run's folder by a slip of the hand."""
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder} is a file; name a folder for the run.")
    own = {"scorers", "config.toml", "environment.json"}
    strangers = (
        [p.name for p in folder.iterdir() if p.name not in own and not p.name.startswith(".")]
        if folder.is_dir()
        else []
    )
    if strangers:
        raise RunFolderError(f"{folder} holds other files ({', '.join(sorted(strangers)[:3])}); name an empty folder.")


def _check_total(project: Project, records: Sequence[Record]) -> None:
    trained = max((member.trained_steps for member in project.controller.fold(records).members.values()), default=0)
    if project.plan.total_steps < trained:
        raise ConfigError(f"pbt.total_steps = {project.plan.total_steps}, but members have trained {trained} steps.")


def _check_fingerprint(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            raise RunFolderError(
                f"{name} is not what it was when this run began ({then.get(name)} then, {now.get(name)} now). "
                "Put it back, or begin a new run."
            )


def _write_settings(folder: Path, run: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    files.write(folder / "config.toml", tomli_w.dumps(config).encode())
    environment = {"versions": versions(), "machine": machine(), "began_with": run["versions"]}
    files.write(folder / "environment.json", (json.dumps(environment, indent=2) + "\n").encode())

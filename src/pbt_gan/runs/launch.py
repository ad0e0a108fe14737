"""Starting a run and going on with one."""

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pbt_gan import files
from pbt_gan.config import toml
from pbt_gan.config.domains import build_space
from pbt_gan.config.objects import (
    build_task,
    resolve,
    task_reference,
    workers_of,
)
from pbt_gan.config.population import as_resized, resized
from pbt_gan.config.settings import Config, PBTSettings
from pbt_gan.config.source import Table, merged, read_config_table
from pbt_gan.core.budget import Newcomers
from pbt_gan.core.pbt import PopulationBasedTraining
from pbt_gan.core.phases import open_place
from pbt_gan.core.population import START
from pbt_gan.core.records import Record
from pbt_gan.core.state import State
from pbt_gan.core.stopping import PREFIX
from pbt_gan.engine import Engine, Stop
from pbt_gan.errors import ConfigError, DamageError, RunFolderError
from pbt_gan.interfaces import Executor, Fallback, Listener, Problem, RunContext, RunView
from pbt_gan.reporting.fallbacks import told
from pbt_gan.runs.changes import check_changes, check_fingerprint, differences
from pbt_gan.runs.environment import machine, versions
from pbt_gan.runs.first_state import as_begun
from pbt_gan.runs.places import UNMOVED, Moved, check_places, followed, located, noted
from pbt_gan.runs.project import Project
from pbt_gan.runs.sense import check_sense
from pbt_gan.runs.signals import stopped_by_signals
from pbt_gan.runs.trust import SIGNATURE, code_in, foreign, refuse, sign
from pbt_gan.store.checkpoints import folder_of, path_of
from pbt_gan.store.disk import DiskStore
from pbt_gan.store.paused import PausedRun
from pbt_gan.validation import validated

log = logging.getLogger(__name__)

ListenerMaker = Callable[[Path], Sequence[Listener]]
Conclusion = Callable[[RunView], object]

_ALREADY = "already: "  # before the ending of a run that was left alone

REALS = 64
"""How many real images are laid beside the samples."""


def start(
    project: Project,
    folder: Path,
    *,
    listeners: ListenerMaker | None = None,
    stop: Stop | None = None,
    conclude: Conclusion | None = None,
) -> str:
    """Begin a run in a folder that holds none yet, and train it; return how it ended.

    Args:
        project: what to train.
        folder: where.
        listeners: makes those that watch it, given the folder.
        stop: ends it early.
        conclude: is handed the run when it has ended.

    Raises:
        PbtGanError: see its subclasses; the message is for a person.
    """
    _refuse_strangers(folder)
    files.make_folder(folder)
    project.prepare(folder)
    first = project.first_checkpoints(folder)
    config = project.config.plain()
    sign(folder, config)
    run = {
        "name": project.config.name,
        "config": config,
        "versions": versions(),
        "fingerprint": dict(project.task.fingerprint()),
        "cards": {name: dict(card) for name, card in project.task.cards().items()},
        "places": noted(config, folder),
        "time": _here(project),
    }
    stop = stop or Stop()
    with stopped_by_signals(stop), ExitStack() as closing:  # the engine closes both; this is for all before it
        generations = project.config.checkpoints.generations
        store = DiskStore.create(folder, run, first=first, generations=generations)
        closing.callback(store.close, "error")
        _write_settings(project, store)
        executor = project.executor(folder)
        closing.callback(executor.close)
        for key, data in first.items():
            executor.restore(key, data)
        ending = _train(project, store, executor, State(), listeners, stop)
    if conclude is not None:
        conclude(store.view())
    return ending


def go_on(
    folder: Path,
    config: Config | None = None,
    *,
    change: Table | None = None,
    moved: Moved = UNMOVED,
    task: Problem | None = None,
    trust: bool = False,
    population: int | None = None,
    newcomers: Newcomers = "winners",
    listeners: ListenerMaker | None = None,
    stop: Stop | None = None,
    conclude: Conclusion | None = None,
) -> str:
    """Go on with a run from its last commit and return how it ended.

    A finished one is left as it is, and so is one that has reached a goal: see `left_alone`.

    Args:
        folder: the run's.
        config: with changes to what may be changed; None: as it was, with `change` laid over it.
        change: see there.
        moved: where its data and its task lie now.
        task: as `Project` takes it.
        trust: that the run may run whatever code it names, also if neither `config` nor `change` names it and its
            user has not trained it here; see `runs.trust`.
        population: how many members there are from the next ready point on that nobody has passed, until the next phase
            of the plan; None: as many as it has planned.
        newcomers: of whom they are born, if there are more than before.
        listeners: as of `start`.
        stop: likewise.
        conclude: likewise.

    Raises:
        RunFolderError: there is no run, another process works on it, its data is not what it was, it would run a
            stranger's code, or a change would make it another run. It is untouched then.
        ConfigError: the number of members cannot change. Likewise.
    """
    with PausedRun(folder) as paused:
        check_sense(folder, paused.view.records)
        run, then = paused.view.run, paused.view.config
        fingerprint = run.get("fingerprint", {})
        found = located(validated(Config, then).plain(), run.get("places", {}), folder, moved)
        if config is None:
            said: Table = read_config_table(None, [change or {}])
            found = followed(found, said, fingerprint)
            config = validated(Config, merged(found, said))
            check_places(config.plain())
        else:
            said = config.plain()
            config = as_begun(config, found)
        found = followed(found, config.plain(), fingerprint)
        if not trust:
            named = code_in(said).values()  # by whoever calls this
            code = foreign(folder, then, found, moved).items()
            refuse(folder, {key: name for key, name in code if name not in named})
        project = Project(config, task)
        before = _resolved(found, project, task)
        project.config = _as_decided(project.config, before)
        project = _sized(project, as_resized(project.config.pbt, before.pbt))
        built = _as_built(before, then, task)
        changed = differences(built, project.config.plain())
        check_changes(changed)
        if population is not None:
            _check_policy(project, population)
            place = open_place(project.controller.fold(paused.records), project.plan.ready_interval)
            project = _sized(project, resized(project.config.pbt, place, population, newcomers))
            changed = differences(built, project.config.plain())
            log.warning("From step %d on %d members, until the next phase.", place, population)
        _tell_of_decay(project, changed)
        state = project.controller.fold(paused.view.records)
        _check_total(project, state)
        if paused.view.ending == "finished" and project.controller.done(state):
            if conclude is not None:
                conclude(paused.view)
            return "finished already"
        stop = stop or Stop()
        if paused.view.ending.startswith(PREFIX):
            reason = project.stopping(stop.rule, paused.view.records).reason()
            if reason is not None:
                if conclude is not None:
                    conclude(paused.view)
                return f"{_ALREADY}{reason}"
        project.prepare(folder)
        check_fingerprint(fingerprint, project.task.fingerprint())
        with stopped_by_signals(stop), ExitStack() as closing:  # the engine closes both; this is for all before it
            executor = project.executor(folder)
            closing.callback(executor.close)
            fallback = paused.restore(executor.restore)
            if fallback is not None:
                log.warning("%s", told(fallback))
            state = project.controller.having(project.controller.fold(paused.records), paused.checkpoints)
            _check_kept(project, state, paused.checkpoints)
            executor.keep(project.controller.needed(state))
            now = project.config.plain()
            changes = {key: new for key, (_, new) in {**differences(then, found), **changed}.items()}
            generations = project.config.checkpoints.generations
            store = paused.resume(changes, versions(), noted(now, folder), generations=generations)
            closing.callback(store.close, "error")
            sign(folder, store.run["config"])
            _write_settings(project, store)
            ending = _train(project, store, executor, state, listeners, stop, fallback, paused.checkpoints)
        if conclude is not None:
            conclude(store.view())
        return ending


def _check_kept(project: Project, state: State, there: Collection[str]) -> None:
    """Raise DamageError if a state is gone that may be needed again, and of which no other takes the place."""
    first = set() if project.plan.start_step is None else {START}
    gone = sorted((first | set(project.controller.policy.archive(state.memory))) - set(there))
    if gone:
        raise DamageError(
            f"{', '.join(gone)} {'are' if gone[1:] else 'is'} missing or damaged, and the run may copy what lay there. "
            "Restore from a copy."
        )


def left_alone(ending: str) -> bool:
    """Whether a run was not trained on, since it had finished or reached a goal before."""
    return ending == "finished already" or ending.startswith(_ALREADY)


def _sized(project: Project, pbt: PBTSettings) -> Project:
    """Return a project whose population has other phases."""
    if pbt == project.config.pbt:
        return project
    return Project(project.config.model_copy(update={"pbt": pbt}), project.task)


def _check_policy(project: Project, population: int) -> None:
    if not isinstance(project.controller.policy, PopulationBasedTraining):
        raise ConfigError(
            f"population = {population}: the policy of this run, {project.config.pbt.policy.name}, has sizes of its "
            'own, and only that of "pbt" can be given another one on the way.'
        )


def _resolved(config: Table, project: Project, task: Problem | None) -> Config:
    """Return a run's own configuration, resolved again: a later pbt-gan may have more settings."""
    own = validated(Config, config)
    reference = task_reference(own)
    # Built a second time, and its data read, only if its settings are not those of the project's task.
    alike = (project.config, _measured_alike(project.config, own))
    # How long the run is does not matter to that: a longer one has the same settings.
    known = [(each.name, each.arguments) for each in (project.reference, *map(task_reference, alike))]
    same = task is not None or (reference.name, reference.arguments) in known
    built = project.task if same else build_task(reference)
    return resolve(own, built, build_space(own, built))


def _as_built(config: Config, then: Table, task: Problem | None) -> Table:
    # An object has filled in its own arguments; it must be built with those of the run.
    return config.plain() if task is None else {**config.plain(), "task": then["task"]}


def _tell_of_decay(project: Project, changed: Mapping[str, tuple[Any, Any]]) -> None:
    """Say that a longer run decays to its new end: the steps that it has trained followed another decay."""
    schedule, (before, after) = project.config.pbt.schedule, changed.get("pbt.total_steps", (None, None))
    if schedule is not None and schedule.decay is not None and before is not None:
        log.warning(
            "%s decay to step %s now, and decayed to step %s until here.", ", ".join(schedule.of), after, before
        )


def _as_decided(config: Config, before: Config) -> Config:
    """Return a configuration in which what a run decided when it was prepared stays decided."""
    metrics = {
        key: before.metrics.get(key, value) if value == "auto" else value for key, value in config.metrics.items()
    }
    config = config.model_copy(update={"metrics": metrics})
    if config.executor.vectorize != "auto":
        return config
    settings = config.executor.model_copy(update={"vectorize": before.executor.vectorize})
    return config.model_copy(update={"executor": settings})


def _measured_alike(config: Config, before: Config) -> Config:
    """Return a configuration whose metrics leave nothing open that is decided in another one."""
    metrics = {
        key: before.metrics.get(key, value) if value == "auto" else value for key, value in config.metrics.items()
    }
    return config.model_copy(update={"metrics": metrics})


def _train(
    project: Project,
    store: DiskStore,
    executor: Executor,
    state: State,
    listeners: ListenerMaker | None,
    stop: Stop,
    fallback: Fallback | None = None,
    there: Collection[str] | None = None,
) -> str:
    own = [make(store.folder) for make in project.listener_makers]
    engine = Engine(
        project.controller,
        executor,
        store,
        [*(listeners(store.folder) if listeners else ()), *own],
        commit_every_s=project.config.checkpoints.every_s,
        deadline_s=project.config.executor.limit_s,
        stop=stop,
        stopping=project.stopping(stop.rule, store.records),
        there=there,
    )
    state = engine.run(state, _context(project, store.records, store.folder, stop, fallback))
    return "finished" if project.controller.done(state) else str(stop.reason)


def in_memory(
    config: Config, listeners: Sequence[Listener] = (), task: Problem | None = None, stop: Stop | None = None
) -> str:
    """Train a population of which nothing is kept but what the listeners hear; return how it ended.

    The task runs in this process.
    """
    serial = config.executor.model_copy(update={"name": "serial"})
    project, stop = Project(config.model_copy(update={"executor": serial}), task), stop or Stop()
    with TemporaryDirectory() as name:
        folder = Path(name)
        project.prepare(folder)
        own = [make(folder) for make in project.listener_makers]
        executor = project.executor(folder)
        for key, data in project.first_checkpoints(folder).items():
            executor.restore(key, data)
        engine = Engine(
            project.controller,
            executor,
            listeners=[*listeners, *own],
            stop=stop,
            stopping=project.stopping(stop.rule),
        )
        state = engine.run(State(), _context(project, (), None, stop))
    return "finished" if project.controller.done(state) else str(stop.reason)


def _context(
    project: Project,
    records: Sequence[Record],
    folder: Path | None,
    stop: Stop,
    fallback: Fallback | None = None,
) -> RunContext:
    return RunContext(
        folder=folder,
        config=project.config.plain(),
        cards=project.task.cards(),
        records=records,
        reals=project.task.reals(REALS),
        total_orders=project.total_orders,
        workers=workers_of(project.config),
        fallback=fallback,
        stop=lambda reason: stop.ask(f"listener: {' '.join(str(reason).split())}"),
    )


def _refuse_strangers(folder: Path) -> None:
    """A folder with somebody's files in it is not made a run's folder by a slip of the hand."""
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder} is a file; name a folder for the run.")
    own = {"scorers", SIGNATURE, *_left(folder)}  # what is left when a run was cut off before its journal began
    strangers = (
        [p.name for p in folder.iterdir() if p.name not in own and not p.name.startswith(".")]
        if folder.is_dir()
        else []
    )
    if strangers:
        raise RunFolderError(f"{folder} holds other files ({', '.join(sorted(strangers)[:3])}); name an empty folder.")


def _left(folder: Path) -> Collection[str]:
    """Return the name of the folder of checkpoints if it holds but what a run was about to start from."""
    there = folder_of(folder)
    if not there.is_dir():
        return []  # nothing, or somebody's file
    found = [path.name for path in there.iterdir()]
    return [there.name] if all(name.startswith(".") or name == path_of(folder, START).name for name in found) else []


def _check_total(project: Project, state: State) -> None:
    trained = max((member.trained_steps for member in state.members.values()), default=0)
    if project.plan.total_steps < trained:
        raise ConfigError(f"pbt.total_steps = {project.plan.total_steps}, but members have trained {trained} steps.")


def _here(project: Project) -> dict[str, Any]:
    """Return what a session of a run is carried out on."""
    return {**machine(), "workers": workers_of(project.config)}


def _write_settings(project: Project, store: DiskStore) -> None:
    files.write(store.folder / "config.toml", toml.written(project.config.plain()))
    began_with = store.run.get("began_with") or store.run.get("versions", {})
    environment = {"versions": versions(), "machine": _here(project), "began_with": began_with}
    files.write(store.folder / "environment.json", (json.dumps(environment, indent=2) + "\n").encode())

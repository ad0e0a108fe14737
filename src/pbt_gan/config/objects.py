"""From a configuration to the objects of a run: task, plan, executor, listeners."""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pbt_gan import references
from pbt_gan.config.settings import Config, DomainSettings, Named
from pbt_gan.config.tasks import TASKS
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.explore import EXPLORE, Context
from pbt_gan.core.plan import Plan
from pbt_gan.core.policies import POLICIES
from pbt_gan.core.policy import Policy
from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice, Domain, Integer, Range, Space, check_values, draw
from pbt_gan.core.strategy import Rule, Strategy, chosen, moved
from pbt_gan.errors import ConfigError, PbtGanError, instead, one_line, place, suggestion
from pbt_gan.executors.processes import ProcessesExecutor
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.executors.work import build
from pbt_gan.interfaces import Executor, Listener, Problem, TaskReference
from pbt_gan.validation import unknown

_F = TypeVar("_F", bound=Callable[..., Any])


def task_reference(config: Config) -> TaskReference:
    """Return where the task comes from, for this process and every worker."""
    name = config.task.name
    if not references.is_reference(name):
        if name not in TASKS:
            raise unknown("task", name, TASKS)
        name = TASKS[name]
    arguments = dict(config.task.options)
    if config.metrics:
        arguments["metrics"] = dict(config.metrics)
    return TaskReference(name, arguments)


def build_task(reference: TaskReference) -> Problem:
    """Build the task in this process.

    Raises:
        ConfigError: it takes no such arguments, is no task, or fails.
    """
    factory = _load("task", reference.name)
    if not (isinstance(factory, type) and hasattr(factory, "as_task")):
        raise ConfigError(f"{reference.name} is no subclass of pbt_gan.Task or pbt_gan.ModuleTask.")
    _check_arguments("task", factory, reference.arguments)
    with _told("task", reference.name):
        return build(reference)


def resolve(config: Config, task: Problem) -> Config:
    """Return the configuration with everything filled in that was left open, enough to run again elsewhere."""
    space = build_space(config, task)
    score_interval = config.pbt.score_interval or config.pbt.ready_interval
    schedule = config.pbt.schedule
    if schedule is not None:
        schedule = schedule.resolved(space)
    names = {name: _domain_settings(domain) for name, domain in space.items()}
    arguments = {**config.task.options, **task.arguments()}
    metrics = arguments.pop("metrics", config.metrics)
    return config.model_copy(
        update={
            "task": Named(name=config.task.name, **arguments),
            "metrics": metrics,
            "space": names,
            "pbt": config.pbt.model_copy(update={"score_interval": score_interval, "schedule": schedule}),
        }
    )


def build_space(config: Config, task: Problem) -> Space:
    """Return the evolved hyperparameters: those that the config names, else those that the task evolves by itself."""
    own = task.space
    space: dict[str, Domain] = {}
    for name in config.space or task.evolved:
        if name not in own:
            raise ConfigError(
                f"space.{name}: the task has no such hyperparameter.{instead(name, sorted(own), 'It has')}"
            )
        space[name] = _domain(name, own[name], config.space.get(name, DomainSettings()))
        space[name].check(name)
    return space


def build_plan(config: Config, space: Space) -> Plan:
    """Return what the controller is to do by a resolved configuration.

    Raises:
        ConfigError: a rule is unknown or refuses its options, or a member is given a value outside of the space.
    """
    for number, values in enumerate(config.pbt.initial):
        check_values(space, values, f"pbt.initial[{number}]")
    total_steps, score_interval = config.pbt.total_steps, config.pbt.score_interval or config.pbt.ready_interval
    schedule = None
    if config.pbt.schedule is not None:
        schedule = config.pbt.schedule.schedule(total_steps=total_steps, score_interval=score_interval)
        schedule.check(space)
    exploit, explore = config.pbt.exploit, config.pbt.explore
    strategy = Strategy(
        _rule("exploit", exploit, EXPLOIT), _rule("explore", explore, EXPLORE), exploit.copies, explore.who
    )
    _try(strategy, space)
    plan = Plan(
        space=space,
        population_size=config.pbt.population_size,
        total_steps=total_steps,
        ready_interval=config.pbt.ready_interval,
        score_interval=score_interval,
        seed=config.seed,
        mode=config.pbt.mode,
        strategy=strategy,
        policy=_policy(config.pbt.policy),
        initial=config.pbt.initial,
        schedule=schedule,
    )
    with _told("pbt.policy", config.pbt.policy.name, config.pbt.policy.options):
        plan.policy(plan)
    return plan


def workers_of(config: Config) -> int:
    """Return how many members, or groups of them, train side by side."""
    if config.executor.name == "serial":
        return 1
    workers = config.executor.workers
    count = _usual_workers(config) if workers == "auto" else workers
    return min(count, config.pbt.population_size)  # more would have no work


def build_executor(config: Config, task: Problem | TaskReference, folder: Path, group: int = 1) -> Executor:
    """Start the executor.

    Args:
        config: the run's.
        task: an object is trained by the serial executor only.
        folder: holds the files that the task prepared.
        group: how many members a worker trains at a time.
    """
    settings = config.executor
    if settings.name == "serial":
        return SerialExecutor(
            task,
            seed=config.seed,
            folder=folder,
            device=settings.device,
            group=group,
            deterministic=settings.deterministic,
        )
    assert isinstance(task, TaskReference), "an object is trained by the serial executor"
    return ProcessesExecutor(
        task,
        seed=config.seed,
        folder=folder,
        workers=workers_of(config),
        devices=settings.devices,
        threads=settings.threads,
        group=group,
        deterministic=settings.deterministic,
    )


def listener_makers(config: Config) -> list[Callable[[Path], Listener]]:
    """Return what makes the listeners that the config names, each given the run's folder if it takes an argument."""
    return [_maker(_load("listeners", name)) for name in config.listeners]


def check_devices(config: Config) -> None:
    """Raise ConfigError if a GPU is asked for that is not there; asking for none needs no torch."""
    for device in config.executor.devices:
        if device != "cpu":
            from pbt_gan.devices import check_device

            check_device(device)


def _maker(factory: Callable[..., Listener]) -> Callable[[Path], Listener]:
    return factory if inspect.signature(factory).parameters else lambda folder: factory()


def _rule(kind: str, settings: Named, table: Mapping[str, _F]) -> Rule[_F]:
    name = settings.name
    if references.is_reference(name):
        function: _F = _load(f"pbt.{kind}", name)
    elif name in table:
        function = table[name]
    else:
        raise unknown(f"pbt.{kind}", name, table)
    _check_arguments(f"pbt.{kind}", function, settings.options)
    return Rule(name, function, dict(settings.options))


def _policy(settings: Named) -> Callable[[Plan], Policy]:
    rule = _rule("policy", settings, POLICIES)
    return partial(rule.function, **rule.options) if rule.options else rule.function


def _check_arguments(where: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if where != "task":
        known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in ("memory", "context")]
    for name in arguments:
        if name not in known:
            there = suggestion(name, ["name", *known]) or instead(name, known, "It has")
            raise ConfigError(f"{where}.{name} is not an option here.{there}")


def _try(strategy: Strategy, space: Space) -> None:
    """Ask each rule once about a made-up population, so that a wrong option is told before any training."""
    rng = stream(0, "try")
    values = draw(space, rng)
    members = [Member(id, values, 1, 1, 1, (float(id), float(id)), f"m{id}") for id in range(4)]
    exploit, explore = strategy.exploit, strategy.explore
    with _told("pbt.exploit", exploit.name, exploit.options):
        chosen(exploit, members[0], PopulationView.of(members), rng, None)
    with _told("pbt.explore", explore.name, explore.options):
        moved(explore, values, space, rng, Context(step=1, budget_left=0.5, scores=(1.0,)))


def _load(where: str, name: str) -> Any:
    """Return what a reference names, which must be callable."""
    with _told(where, name):
        found = references.load(name)
    if not callable(found):
        raise ConfigError(f"{where} = {name!r} is {found!r}, but must be a class or a function.")
    return found


@contextmanager
def _told(where: str, name: str, options: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Tell in one line what a person's own code, or an option of a wrong type, has raised."""
    try:
        yield
    except PbtGanError:
        raise
    except (Exception, SystemExit) as error:
        given = f" with {dict(options)}" if options else ""
        mend = f"Mend it at {place(error)}." if references.is_reference(name) else "Has an option a wrong type?"
        raise ConfigError(f"{where} = {name!r}{given} fails: {one_line(error)}. {mend}") from error


def _domain(name: str, own: Domain, changed: DomainSettings) -> Domain:
    fields = {key: value for key, value in changed.model_dump().items() if value is not None}
    allowed = set(own.__dataclass_fields__)
    for key in fields:
        if key not in allowed:
            raise ConfigError(
                f"space.{name}.{key}: {name} is a {type(own).__name__.lower()} and has {', '.join(sorted(allowed))}."
            )
    if "init" in fields:
        fields["init"] = _init(fields["init"], own)
    if isinstance(own, Integer):
        fields = {key: _whole(value) if key in ("init", "bounds") else value for key, value in fields.items()}
    return replace(own, **fields)


def _init(value: Any, own: Domain) -> Any:
    if not isinstance(value, tuple) or isinstance(own, Choice):
        return value
    if len(value) == 1:
        return value[0]
    return Range(*value) if len(value) == 2 else value


def _whole(value: Any) -> Any:
    """TOML bounds such as [1, 10] arrive as floats; what is no whole number is left for the check to refuse."""
    if isinstance(value, tuple):
        return tuple(_whole(item) for item in value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _domain_settings(domain: Domain) -> DomainSettings:
    fields = {name: getattr(domain, name) for name in domain.__dataclass_fields__}
    if isinstance(fields["init"], Range):
        fields["init"] = (fields["init"].low, fields["init"].high)
    elif isinstance(fields["init"], tuple) and len(fields["init"]) == 2 and not isinstance(domain, Choice):
        fields["init"] *= 2  # a list of two would be read as a range; twice each is drawn alike
    return DomainSettings(**fields)


def _usual_workers(config: Config) -> int:
    devices = config.executor.devices
    if devices != ["cpu"]:
        return len(devices)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

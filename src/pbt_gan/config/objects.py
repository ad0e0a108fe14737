"""From a configuration to the objects of a run: task, plan, executor, listeners."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pbt_gan import references
from pbt_gan.config.components import copied
from pbt_gan.config.domains import written
from pbt_gan.config.effects import effective
from pbt_gan.config.executors import EXECUTORS
from pbt_gan.config.population import settled
from pbt_gan.config.settings import Config, Named, PBTSettings
from pbt_gan.config.tasks import TASKS
from pbt_gan.core.explore import Context
from pbt_gan.core.plan import Plan
from pbt_gan.core.policy import Policy
from pbt_gan.core.population import Hyperparams, Member, PopulationView
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Selection
from pbt_gan.core.space import Space, check_values, draw, middles
from pbt_gan.core.stopping import Goals
from pbt_gan.core.stopping import Rule as StopRule
from pbt_gan.core.strategy import Rule, Strategy, chosen, moved
from pbt_gan.core.tables import EXPLOIT, EXPLORE, POLICIES
from pbt_gan.cores import usable_cores
from pbt_gan.errors import ConfigError, PbtGanError, instead, one_line, place, suggestion
from pbt_gan.executors.work import build
from pbt_gan.interfaces import Executor, Listener, Problem, TaskReference
from pbt_gan.validation import unknown

Components = Mapping[str, Sequence[str]]

_F = TypeVar("_F", bound=Callable[..., Any])


def task_reference(config: Config) -> TaskReference:
    """Return where the task comes from, for this process and every worker."""
    name = config.task.name
    if not references.is_reference(name):
        if name not in TASKS:
            raise unknown("task", name, TASKS)
        name = TASKS[name]
    arguments = effective(config.task.name, config.task.options, config.space)
    if config.metrics:
        arguments["metrics"] = dict(config.metrics)
    return TaskReference(name, arguments, health=config.health.plain())


def on_devices(config: Config) -> Config:
    """Return a configuration in which a task of the table leaves nothing to the devices any more.

    Raises:
        ConfigError: it does, and one of them is not there.
    """
    name, options = config.task.name, config.task.options
    if name not in TASKS:
        return config
    problem: type[Problem] = references.load(TASKS[name])
    return config.model_copy(update={"task": Named(name=name, **problem.on_devices(options, config.executor.devices))})


def build_task(reference: TaskReference) -> Problem:
    """Build the task in this process.

    Raises:
        ConfigError: it takes no such arguments, is no task, or fails.
    """
    factory = _load("task", reference.name)
    if not (isinstance(factory, type) and hasattr(factory, "as_task")):
        raise ConfigError(f"{reference.name} is no subclass of pbt_gan.Task or pbt_gan.ModuleTask.")
    _check_arguments("task", factory, reference.arguments)
    with _explained("task", reference.name):
        return build(reference)


def resolve(config: Config, task: Problem, space: Space) -> Config:
    """Return the configuration with everything filled in that was left open, enough to run again elsewhere.

    How many workers there are stays open: that is the machine's matter, and may be another one's tomorrow.

    Args:
        config: as it was read.
        task: what it names.
        space: of what is evolved.
    """
    score_interval = config.pbt.score_interval or config.pbt.ready_interval
    pbt, schedule = settled(config.pbt), config.pbt.schedule
    if schedule is not None:
        schedule = schedule.resolved(space)
    names = {name: written(domain) for name, domain in space.items()}
    options = {name: value for name, value in config.task.options.items() if name not in task.idle}
    arguments = effective(config.task.name, {**options, **task.arguments()}, names)
    metrics = arguments.pop("metrics", config.metrics)
    return config.model_copy(
        update={
            "task": Named(name=config.task.name, **arguments),
            "metrics": metrics,
            "space": names,
            "pbt": pbt.model_copy(
                update={"score_interval": score_interval, "schedule": schedule, "initial": _initial(pbt, space)}
            ),
        }
    )


def build_plan(config: Config, space: Space, components: Components = MappingProxyType({})) -> Plan:
    """Return what the controller is to do by a resolved configuration.

    Args:
        config: resolved.
        space: of what is evolved.
        components: of a state, that the task names.

    Raises:
        ConfigError: a rule is unknown or refuses its options, or a member is given a value outside of the space.
    """
    initial = _initial(config.pbt, space)
    for number, values in enumerate(initial):
        check_values(space, values, f"pbt.initial[{number}]")
    total_steps, score_interval = config.pbt.total_steps, config.pbt.score_interval or config.pbt.ready_interval
    schedule = None
    if config.pbt.schedule is not None:
        schedule = config.pbt.schedule.schedule(total_steps=total_steps, score_interval=score_interval)
        schedule.check(space)
    exploit, explore = config.pbt.exploit, config.pbt.explore
    strategy = Strategy(
        _rule("exploit", exploit, EXPLOIT),
        _rule("explore", explore, EXPLORE),
        copied(exploit.copies, components, config.task.name),
        explore.who,
        explore.when,
        Selection(**config.pbt.selection.model_dump()) if config.pbt.selection else Selection(),
        components,
    )
    strategy.selection.check()
    if strategy.when == "proved" and "weights" not in strategy.copies:
        raise ConfigError(
            'pbt.explore.when = "proved" asks whether copied weights hold their score, but exploit.copies = '
            f"{exploit.copies!r} copies none, or not all. Leave one of the two out."
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
        comparison=config.pbt.comparison,
        phases=config.pbt.later,
        strategy=strategy,
        policy=_policy(config.pbt.policy),
        initial=initial,
        schedule=schedule,
        start_step=None if config.pbt.start_from is None else config.pbt.start_from.step or 0,
    )
    with _explained("pbt.policy", config.pbt.policy.name, config.pbt.policy.options):
        policy = plan.policy(plan)
    if plan.comparison not in getattr(policy, "comparisons", Policy.comparisons):
        raise ConfigError(
            f'pbt.comparison = "{plan.comparison}" says how pbt.policy = "pbt" compares members; pbt.policy = '
            f'"{config.pbt.policy.name}" has its own way. Leave one of the two out.'
        )
    return plan


def _initial(pbt: PBTSettings, space: Space) -> tuple[Hyperparams, ...]:
    """Return what the first members are given, with the middles of their ranges for those who begin there."""
    return tuple(middles(space) if isinstance(given, str) else given for given in pbt.initial)


def workers_of(config: Config) -> int:
    """Return how many members, or groups of them, train side by side."""
    settings = config.executor
    if EXECUTORS[settings.name].here:
        return 1
    usual = usable_cores() if settings.devices == ["cpu"] else len(settings.devices)
    workers = usual if settings.workers == "auto" else settings.workers
    return min(workers, config.pbt.largest)  # more would have no work


def slots_of(config: Config) -> int:
    """Return on how many places members, or groups of them, train side by side: one a worker, or one a GPU of one."""
    workers = workers_of(config)
    return workers if EXECUTORS[config.executor.name].here else max(workers, len(config.executor.devices))


def build_executor(config: Config, task: Problem | TaskReference, folder: Path, group: int = 1) -> Executor:
    """Start the executor.

    Args:
        config: the run's.
        task: an object is trained only by an executor that trains here.
        folder: holds the files that the task prepared.
        group: how many members a worker trains at a time, on each of its devices.
    """
    settings = config.executor
    return EXECUTORS[settings.name].make(
        task,
        settings,
        workers_of(config),
        seed=config.seed,
        folder=folder,
        group=group,
        deterministic=settings.deterministic,
        health=config.health.plain(),
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


def goals(config: Config, rule: StopRule | None = None) -> Goals:
    """Return what ends a run before its plan does.

    Args:
        config: the run's.
        rule: an object of this program; None: the one that the config names, if it names one.
    """
    if config.stop is None:
        return Goals(rule=rule)
    named = config.stop.rule
    if rule is None and named is not None:
        rule = _load("stop.rule", named)
    return Goals(**config.stop.model_dump(exclude={"rule"}), rule=rule)


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
    with _explained("pbt.exploit", exploit.name, exploit.options):
        chosen(exploit, members[0], PopulationView.of(members), rng, None)
    with _explained("pbt.explore", explore.name, explore.options):
        moved(explore, values, space, rng, Context(1, 0.5, (1.0,), members[0]), None)


def _load(where: str, name: str) -> Any:
    """Return what a reference names, which must be callable."""
    with _explained(where, name):
        found = references.load(name)
    if not callable(found):
        raise ConfigError(f"{where} = {name!r} is {found!r}, but must be a class or a function.")
    return found


@contextmanager
def _explained(where: str, name: str, options: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Tell in one line what a person's own code, or an option of a wrong type, has raised."""
    try:
        yield
    except PbtGanError:
        raise
    except (Exception, SystemExit) as error:
        given = f" with {dict(options)}" if options else ""
        mend = f"Mend it at {place(error)}." if references.is_reference(name) else "Has an option a wrong type?"
        raise ConfigError(f"{where} = {name!r}{given} fails: {one_line(error)}. {mend}") from error

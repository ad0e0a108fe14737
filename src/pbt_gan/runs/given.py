"""What is handed to `pbt_gan.run` as an object: its name for the config, and itself where no name leads to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pbt_gan.config.executors import EXECUTORS
from pbt_gan.config.settings import Config
from pbt_gan.config.source import folder_name
from pbt_gan.core.stopping import Rule
from pbt_gan.errors import ConfigError
from pbt_gan.interfaces import Listener, Problem
from pbt_gan.references import MAIN, reference_to

_RULES = ("policy", "exploit", "explore")


@dataclass(frozen=True)
class Given:
    """Source and settings with names in place of all objects, and the objects that have to be used as they are."""

    source: str | None
    settings: Mapping[str, Any]
    task: Problem | None  # None: it is what the config names
    listeners: tuple[Listener, ...]
    stop: Rule | None = None  # None: it is what the config names, if it names one

    @classmethod
    def of(cls, source: Any, settings: Mapping[str, Any]) -> "Given":
        """Take apart what a caller has handed over.

        Raises:
            ConfigError: an object is not of the kind that its place asks for, or cannot be found by a name but must be.
        """
        named = dict(settings)
        if source is not None and not isinstance(source, str):
            named["task"] = {**_table(named.get("task", {})), "name": source}
            source = None
        task = None
        table = _table(named.get("task"))
        if not isinstance(table.get("name", ""), str):
            options = {key: value for key, value in table.items() if key != "name"}
            name, task = _task(table["name"], options)
            named["task"] = {"name": name, **options}
            if source is None:
                named.setdefault("name", folder_name(name.rpartition(":")[2].lower()))
        named |= _with_rules(named)
        stop = None
        if "stop" in named:
            named["stop"], stop = _stop(named["stop"])
        if isinstance(named.get("pbt"), Mapping):
            named["pbt"] = {**named["pbt"], **_with_rules(named["pbt"])}
        ears = named.get("listeners", ())
        if isinstance(ears, str) or not isinstance(ears, Sequence):  # refused in its own words later
            return cls(source, named, task, (), stop)
        named |= {"listeners": [_name(each) for each in ears if not _is_object(each)]} if ears else {}
        return cls(source, named, task, tuple(each for each in ears if _is_object(each)), stop)

    def placed(self, config: Config) -> Config:
        """Return the configuration with an executor that can train the task: an object is trained in this process.

        Raises:
            ConfigError: another one was asked for.
        """
        if self.task is None or EXECUTORS[config.executor.name].here:
            return config
        if "name" in config.executor.model_fields_set:
            raise ConfigError(
                f"executor = {config.executor.name!r}, but the task lives in this program only, where no worker can "
                'find it. Use executor="serial", or define its class in a file and hand over the class.'
            )
        return config.model_copy(update={"executor": config.executor.model_copy(update={"name": "serial"})})


def _task(thing: Any, options: Mapping[str, Any]) -> tuple[str, Problem | None]:
    """Return the reference to a task, and the task itself if nobody finds it by that."""
    if not hasattr(thing, "as_task"):
        raise ConfigError(f"task = {thing!r} is no pbt_gan.Task or pbt_gan.ModuleTask: no object, and no class of one.")
    if not isinstance(thing, type):
        return f"{MAIN}:{type(thing).__qualname__}", thing.as_task()
    local = "<locals>" in thing.__qualname__
    name = f"{MAIN}:{thing.__qualname__}" if local else reference_to(thing)
    return name, thing(**options).as_task() if name.startswith(f"{MAIN}:") else None


def _with_rules(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _rule(settings[name]) for name in _RULES if name in settings}


def _rule(rule: Any) -> Any:
    if isinstance(rule, Mapping):
        return {**rule, "name": _rule(rule["name"])} if "name" in rule else rule
    return _name(rule)


def _name(thing: Any) -> Any:
    return reference_to(thing) if callable(thing) else thing


def _stop(setting: Any) -> tuple[Any, Rule | None]:
    """Return the setting `stop` with names only, and its rule itself if nobody finds it by a name."""
    table = dict(setting) if isinstance(setting, Mapping) else {"rule": setting}
    rule = table.get("rule")
    if not callable(rule):
        return setting, None
    try:
        table["rule"] = reference_to(rule)
    except ConfigError:  # a lambda, say: this program's own, like a listener that is an object
        del table["rule"]
        return table or None, rule
    return table, None


def _is_object(listener: Any) -> bool:
    """Whether this is a listener itself, not its class or the name of one."""
    if isinstance(listener, str | type) or callable(listener):
        return False
    if not all(callable(getattr(listener, method, None)) for method in ("start", "record", "flush", "close")):
        raise ConfigError(
            f"listeners holds {listener!r}, which is no listener; make it a subclass of pbt_gan.Listener."
        )
    return True


def _table(task: Any) -> Mapping[str, Any]:
    """Return the setting `task` as a table, however short it was written."""
    if task is None:
        return {}
    return task if isinstance(task, Mapping) else {"name": task}

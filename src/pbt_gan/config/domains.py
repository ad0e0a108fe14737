"""The search space between a configuration and the core: a task's domains, changed by settings, and written down again.

Both ways lead through one notation: `init` as a value, a range of two numbers, or a list to draw from.
"""

from dataclasses import replace
from typing import Any

from pbt_gan.config.settings import Config, DomainSettings
from pbt_gan.core.space import Choice, Domain, Integer, Range, Space
from pbt_gan.errors import ConfigError, instead
from pbt_gan.interfaces import Problem


def build_space(config: Config, task: Problem) -> Space:
    """Return the evolved hyperparameters: those that the config names, else those that the task evolves by itself."""
    own = task.space
    space: dict[str, Domain] = {}
    for name in config.space or task.evolved:
        if name in task.idle:
            raise ConfigError(f"space.{name} has no effect: {task.idle[name]}. Leave it out.")
        if name not in own:
            raise ConfigError(
                f"space.{name}: the task has no such hyperparameter.{instead(name, sorted(own), 'It has')}"
            )
        space[name] = changed(name, own[name], config.space.get(name, DomainSettings()))
        space[name].check(name)
    task.check_space(space)
    return space


def changed(name: str, own: Domain, settings: DomainSettings) -> Domain:
    """Return a task's own domain with what the settings change of it.

    Where values to choose from are named and `init` is not, members begin with any of them: those that the task begins
    with may not be among them.

    Raises:
        ConfigError: it has no such field.
    """
    fields = {key: value for key, value in settings.model_dump().items() if value is not None}
    allowed = set(own.__dataclass_fields__)
    for key in fields:
        if key not in allowed:
            raise ConfigError(
                f"space.{name}.{key}: {name} is a {type(own).__name__.lower()} and has {', '.join(sorted(allowed))}."
            )
    if "values" in fields:
        fields.setdefault("init", None)
    elif "init" in fields:
        fields["init"] = _init(fields["init"], own)
    if isinstance(own, Integer):
        fields = {key: _whole(value) if key in ("init", "bounds") else value for key, value in fields.items()}
    return replace(own, **fields)


def written(domain: Domain) -> DomainSettings:
    """Return the settings that make this domain of any of its kind: what stands in a resolved configuration."""
    fields = {name: getattr(domain, name) for name in domain.__dataclass_fields__}
    if isinstance(fields["init"], Range):
        fields["init"] = (fields["init"].low, fields["init"].high)
    elif isinstance(fields["init"], tuple) and len(fields["init"]) == 2 and not isinstance(domain, Choice):
        fields["init"] *= 2  # a list of two would be read as a range; twice each is drawn alike
    return DomainSettings(**fields)


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

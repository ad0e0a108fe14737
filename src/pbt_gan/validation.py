"""Settings checked by pydantic, told to a person: one line that names the key, the value, the rule and the way out."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from pbt_gan.errors import ConfigError

Scalar = float | int | str | bool
"""A value in a file. In this order pydantic's smart mode keeps each value's own type."""


class Settings(BaseModel):
    """Base of all settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_Model = TypeVar("_Model", bound=BaseModel)


def validated(model: type[_Model], data: Mapping[str, Any], where: str = "") -> _Model:
    """Return the settings that `data` describes; `where` is the place of `data` in the config, such as `task`.

    Raises:
        ConfigError: for the first thing that is wrong.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigError(_told(model, error, where)) from None


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'truncation'?` if one of the known names is close, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def unknown(what: str, name: str, known: Iterable[str]) -> ConfigError:
    """Return the error for a name that is not in a table."""
    names = sorted(known)
    return ConfigError(f"{what} = {name!r} is not known; choose one of {', '.join(names)}.{suggestion(name, names)}")


def _told(model: type[BaseModel], error: ValidationError, where: str) -> str:
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    key = ".".join([where, *place] if where else place)
    if first["type"] == "extra_forbidden":
        known = _keys(model, place[:-1])
        listing = f" Known here: {', '.join(sorted(known))}."
        return f"{key} is not a setting.{suggestion(place[-1], known) or listing}"
    if first["type"] == "missing":
        return f"{key} is missing; give it a value."
    message = first["msg"].removeprefix("Value error, ")
    given = repr(first["input"])
    if isinstance(first["input"], Mapping):  # a rule about several settings names them itself
        return f"{key}: {message}." if key else f"{message}."
    return f"{key} = {given[:77] + '…' if len(given) > 78 else given}: {message}." if key else f"{message}."


def _keys(model: type[BaseModel], place: list[str]) -> list[str]:
    """Return the keys of the model that lies at a place inside of another."""
    current: Any = model
    for part in place:
        annotation = current.model_fields[part].annotation if part in getattr(current, "model_fields", {}) else current
        models = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]
        if not models:
            continue
        current = models[0]
    return list(current.model_fields)

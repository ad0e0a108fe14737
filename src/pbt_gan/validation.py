"""Settings checked by pydantic, told to a person: one line that names the key, the value, the rule and the way out."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from pbt_gan.errors import ConfigError, instead, suggestion

Scalar = float | int | str | bool
"""A value in a file. In this order pydantic's smart mode keeps each value's own type."""


class Settings(BaseModel):
    """Base of all settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_CLOSE = 0.75  # how like a name of another place must be: 1 is equal
_TAGS = ("(rows)", "(rule)")  # of the forms of a setting
_CHOICES = re.compile(r"'([^']*)'")

_Model = TypeVar("_Model", bound=BaseModel)


def validated(model: type[_Model], data: Mapping[str, Any], where: str = "") -> _Model:
    """Return the settings that `data` describes; `where` is the place of `data` in the config, such as `task`.

    Raises:
        ConfigError: for the first thing that is wrong.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigError(_refusal(model, error, where)) from None


def unknown(what: str, name: str, known: Iterable[str]) -> ConfigError:
    """Return the error for a name that is not in a table."""
    return ConfigError(f"{what} = {name!r} is not known.{instead(name, sorted(known), 'Choose one of')}")


def meant(name: str, here: Iterable[str], model: type[BaseModel]) -> str:
    """Return the end of a line that refuses a setting: what was probably meant, here or elsewhere in the settings."""
    known = sorted(here)
    elsewhere = {key.rpartition(".")[2]: key for key in _dotted(model)}
    close = difflib.get_close_matches(name, elsewhere, n=1, cutoff=_CLOSE)
    return suggestion(name, known) or (
        f" Did you mean {elsewhere[close[0]]!r}?" if close else instead(name, known, "Known here:")
    )


def _refusal(model: type[BaseModel], error: ValidationError, where: str) -> str:
    found = error.errors(include_url=False)
    first = min(found, key=lambda each: each["type"] != "extra_forbidden")  # a misspelt key is why another is missing
    place = [str(part) for part in first["loc"] if part not in _TAGS]
    key = ".".join([where, *place] if where else place)
    if first["type"] == "extra_forbidden":
        return f"{key} is not a setting.{meant(str(first['loc'][-1]), _keys(model, place[:-1]), model)}"
    if first["type"] == "missing":
        return f"{key} is missing; give it a value."
    if first["type"] == "string_unicode":
        return f"{key} is no text in UTF-8, as what a run keeps must be; rename the file, or make a link to it."
    message = first["msg"].removeprefix("Value error, ").removesuffix(".")
    message += "" if message.endswith("?") else "."
    if isinstance(first["input"], Mapping):  # a rule about several settings names them itself
        return f"{key}: {message}" if key else message
    chosen = first["input"] if isinstance(first["input"], str) else ""
    close = suggestion(chosen, _CHOICES.findall(first.get("ctx", {}).get("expected", "")))
    return f"{key} = {_shown(first['input'])}: {message}{close}" if key else message


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes out no number of thousands of digits
        return f"a {type(value).__name__} of very many digits"
    return f"{text[:77]}…" if len(text) > 78 else text


def _dotted(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Return the keys of a model and of those inside of it, the outermost last."""
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            yield from _dotted(inner, f"{prefix}{name}.")
    yield from (f"{prefix}{name}" for name in model.model_fields)


def _keys(model: type[BaseModel], place: list[str]) -> list[str]:
    """Return the keys of the model that lies at a place inside of another."""
    current: Any = model
    for part in place:
        annotation = current.model_fields[part].annotation if part in getattr(current, "model_fields", {}) else current
        current = next(iter(_models(annotation)), current)
    return list(current.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]

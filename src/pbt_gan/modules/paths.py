"""Paths into parts: `net.2.p`, `optimiser.betas.0`, `optimiser.lr` of all parameter groups, `optimiser.1.lr` of one."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pbt_gan.core.population import Value
from pbt_gan.errors import TaskError, suggestion
from pbt_gan.modules.parts import Parts

GROUPS = "param_groups"

Steps = Sequence[str]
"""What leads on from an object: attributes, keys, indices."""

Chain = Sequence[tuple[Any, Steps]]
"""The objects on the way to a place, each with the steps from there to the place."""


def read(where: str, path: str, parts: Parts) -> Value:
    """Return what stands at a path; at one that leads into several parameter groups, a value that all of them have.

    Args:
        where: what names the path in an error.
        path: a part's name, and attributes, keys or indices from there.
        parts: where it leads into.

    Raises:
        TaskError: it leads nowhere, or to no value, or the groups differ.
    """
    values = []
    for steps in _branches(where, path, parts):
        here = held(parts, steps, where)
        values.append(here.item() if _is_tensor(here) else here)
    if any(value != values[0] for value in values):
        raise TaskError(f"{where}: the parameter groups differ, they have {values}. Bind the groups one by one.")
    value: Value = values[0]
    return value


def write(where: str, path: str, parts: Parts, value: Value) -> None:
    """Put a value at a path, into all the parameter groups that it leads to; a tensor of one number is filled in place.

    Raises:
        TaskError: it leads nowhere, or to what a value cannot replace.
    """
    for steps in _branches(where, path, parts):
        _put(where, parts, steps, value)


def chains(where: str, path: str, parts: Parts) -> list[Chain]:
    """Return the way to each place that a path means: to one, or to that of each parameter group.

    Raises:
        TaskError: it leads nowhere.
    """
    found: list[Chain] = []
    for name, *steps in _branches(where, path, parts):
        here = _child(where, parts, name)
        chain: list[tuple[Any, Steps]] = [(here, steps)]
        for number, step in enumerate(steps, 1):
            here = _child(where, here, step)
            chain.append((here, steps[number:]))
        found.append(chain)
    return found


def held(here: Any, steps: Steps, where: str = "") -> Any:
    """Return what stands some steps from an object."""
    for step in steps:
        here = _child(where, here, step)
    return here


def _branches(where: str, path: str, parts: Parts) -> list[Steps]:
    """Return the steps to every place that a path means."""
    name, *steps = path.split(".")
    part = _child(where, parts, name)
    groups = getattr(part, GROUPS, None)
    if not groups:
        return [(name, *steps)]
    if steps[0].isdigit():
        return [(name, GROUPS, *steps)]
    if hasattr(part, steps[0]) and steps[0] not in groups[0]:
        return [(name, *steps)]
    return [(name, GROUPS, str(number), *steps) for number in range(len(groups))]


def _put(where: str, here: Any, steps: Steps, value: Value) -> Any:
    """Put a value below an object and return that object; another one in its place if it cannot be changed."""
    if not steps:
        return _filled(where, here, value)
    step, *rest = steps
    child = _child(where, here, step)
    changed = _put(where, child, rest, value)
    if changed is child:
        return here
    match here:
        case tuple():
            return (*here[: int(step)], changed, *here[int(step) + 1 :])
        case list():
            here[int(step)] = changed
        case dict():
            here[step] = changed
        case _:
            try:
                setattr(here, step, changed)
            except (AttributeError, TypeError) as error:
                raise TaskError(f"{where}: {step!r} of a {type(here).__name__} cannot be set: {error}.") from error
    return here


def _filled(where: str, here: Any, value: Value) -> Any:
    if _is_tensor(here):
        if here.numel() != 1:
            raise TaskError(f"{where} is a tensor of shape {list(here.shape)}; a hyperparameter is one number.")
        here.detach().fill_(value)  # not under no_grad, which needs torch's name here: it shares its memory
        return here
    if here is None or isinstance(here, int | float | str):
        return value
    inside = _known(here)
    raise TaskError(f"{where} is a {type(here).__name__}, no value; go on into it, with one of {', '.join(inside)}.")


def _child(where: str, here: Any, step: str) -> Any:
    if isinstance(here, Mapping) and step in here:
        return here[step]
    if isinstance(here, list | tuple) and step.isdigit() and int(step) < len(here):
        return here[int(step)]
    if not isinstance(here, Mapping | list | tuple) and hasattr(here, step):
        return getattr(here, step)
    known = _known(here)
    raise TaskError(f"{where}: there is no {step!r}.{suggestion(step, known)} There {_are(known)}.")


def _known(here: Any) -> list[str]:
    """Return the steps that lead on from an object; those that it has of its own, not of its class."""
    if isinstance(here, Mapping):
        return [str(key) for key in here if key != "params"]
    if isinstance(here, list | tuple):
        return [str(index) for index in range(len(here))]
    own = [name for name in vars(here) if not name.startswith("_")] if hasattr(here, "__dict__") else []
    inner = [name for kind in ("_modules", "_parameters", "_buffers") for name in getattr(here, kind, ())]
    return [*inner, *(name for name in own if name != "training")]


def _are(known: list[str]) -> str:
    return f"are {', '.join(known)}" if known else "is nothing to go on to"


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)

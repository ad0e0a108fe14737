"""Bindings: what each hyperparameter sets. The one place where values reach the parts and are read back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.core.space import Domain
from pbt_gan.errors import ConfigError, TaskError, suggestion
from pbt_gan.modules.handed import ARGUMENT
from pbt_gan.modules.parts import Parts
from pbt_gan.modules.paths import Chain, chains, read, write
from pbt_gan.modules.reads import instead, mended
from pbt_gan.modules.task import Binding, Getter, Setter

_ROUNDING = 1e-6  # relative; a tensor may hold a value in float32

_MOVED = "Leave it as it is set, or bind what it is made from: a path, or a pair (setter, getter) of your own."

_FORMS = "write a path such as 'optimiser.lr', a function setter(parts, value), or a pair (setter, getter)"


@dataclass(frozen=True)
class Bindings:
    """The bindings of all hyperparameters of a task."""

    task: str  # its name, for errors
    setters: Mapping[str, Setter]
    getters: Mapping[str, Getter]  # of all but those that have a bare setter: there the value is taken on trust
    paths: Mapping[str, str]  # of those that are bound by one

    @classmethod
    def of(
        cls, task: str, space: Mapping[str, Domain], bindings: Mapping[str, Binding], *, handed: bool = False
    ) -> "Bindings":
        """Take bindings as they are declared.

        Args:
            task: its name, for errors.
            space: its domains.
            bindings: what they set.
            handed: whether `train` is handed the values too: then one may be bound to nothing.

        Raises:
            ConfigError: one is none, or is bound to no hyperparameter, or a hyperparameter to nothing.
        """
        for name in space:
            if name not in bindings and not handed:
                raise ConfigError(
                    f"{task}.space has {name!r}, but nothing is bound to it.{suggestion(name, bindings)} "
                    f"Say in {task}.bindings what it sets, such as 'optimiser.lr', or give {task}.train an argument "
                    f"{ARGUMENT} and read it there."
                )
        setters: dict[str, Setter] = {}
        getters: dict[str, Getter] = {}
        paths: dict[str, str] = {}
        for name, binding in bindings.items():
            if name not in space:
                raise ConfigError(
                    f"{task}.bindings has {name!r}, which is not in its space.{suggestion(name, space)} "
                    f"Say in {task}.space what it may be, or remove it."
                )
            match binding:
                case str() if "." in binding.strip("."):
                    where = _where(task, name, binding)
                    paths[name] = binding
                    setters[name], getters[name] = partial(write, where, binding), partial(read, where, binding)
                case (setter, getter) if callable(setter) and callable(getter):
                    setters[name], getters[name] = setter, getter
                case _ if callable(binding):
                    setters[name] = binding
                case _:
                    raise ConfigError(f"{task}.bindings[{name!r}] = {binding!r}: {_FORMS}.")
        return cls(task, setters, getters, paths)

    def set(self, parts: Parts, values: Hyperparams) -> Hyperparams:
        """Set values, all of them, and return what is read back, which may differ from them by a rounding.

        Raises:
            TaskError: a path leads nowhere, or a value is not there when it is read back.
        """
        for name, value in values.items():
            if name in self.setters:
                self.setters[name](parts, value)
        found = self._read(parts, values)
        for name, value in values.items():
            if not _agree(value, found[name]):
                raise TaskError(
                    f"{self.task}.bindings[{name!r}]: {value!r} was set, but {found[name]!r} is read back. "
                    "Does another binding set the same thing, or does its getter read another one?"
                )
        return found

    def chains(self, parts: Parts) -> dict[str, list[Chain]]:
        """Return the ways to the places that each path means.

        Raises:
            TaskError: one leads nowhere, or to a place that torch never reads.
        """
        found = {}
        for name, path in self.paths.items():
            where = _where(self.task, name, path)
            found[name] = chains(where, path, parts)
            for chain in found[name]:
                if wrong := mended(_part(path), chain, parts):
                    raise TaskError(f"{where}: {wrong}")
        return found

    def in_force(
        self, parts: Parts, values: Hyperparams, found: Hyperparams, acted: Mapping[str, Sequence[Value]]
    ) -> None:
        """Hold the training to the values that were set: they read as `found` when they acted last, and still do.

        Args:
            parts: as they are after the last step.
            values: what was set.
            found: what was read back then.
            acted: what was seen to act last, of each name that was watched.

        Raises:
            TaskError: one was changed meanwhile, so it was not what the training used.
        """
        for name, now in self._read(parts, values).items():
            others = [value for value in (*acted.get(name, ()), now) if not _equal(value, found[name])]
            if others:
                when = "after training" if _equal(others[0], now) else "in the last step"
                raise TaskError(
                    f"{self.task}.bindings[{name!r}]: it was set to {values[name]!r}, but is {others[0]!r} {when}. "
                    f"{self._instead(name, parts)}"
                )

    def born(self, parts: Parts, space: Mapping[str, Domain]) -> dict[str, Value]:
        """Return the values of a new member: of each hyperparameter its `init`, where that is one value.

        Else `build` decides, as far as it can be read; of what is bound to nothing, the middle stands for `init`.
        """
        unbound = {name: domain.middle() for name, domain in space.items() if name not in self.setters}
        built = {name: getter(parts) for name, getter in self.getters.items()}
        fixed = {name: domain.init for name, domain in space.items() if isinstance(domain.init, int | float | str)}
        return {**unbound, **built, **fixed}

    def _instead(self, name: str, parts: Parts) -> str:
        path = self.paths.get(name)
        ways = chains(self.task, path, parts) if path else []
        return next((said for way in ways if path and (said := instead(_part(path), way, parts))), _MOVED)

    def _read(self, parts: Parts, values: Hyperparams) -> dict[str, Value]:
        return {name: self.getters[name](parts) if name in self.getters else value for name, value in values.items()}


def _where(task: str, name: str, path: str) -> str:
    return f"{task}.bindings[{name!r}] = {path!r}"


def _part(path: str) -> str:
    return path.split(".")[0]


def _agree(given: Value, found: Any) -> bool:
    if isinstance(given, bool | str) or isinstance(found, bool) or not isinstance(found, int | float):
        return bool(given == found)
    return math.isclose(given, found, rel_tol=_ROUNDING)


def _equal(now: Any, before: Any) -> bool:
    return bool(now == before) or (now != now and before != before)

"""How losers copy winners and how hyperparameters move, as data: rules by their names, with their options."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Generic, Literal, TypeVar

from numpy.random import Generator

from pbt_gan.core.exploit import EXPLOIT, ExploitRule
from pbt_gan.core.explore import EXPLORE, Context, ExploreRule
from pbt_gan.core.population import Hyperparams, Member, PopulationView, Value
from pbt_gan.core.registry import looks_back
from pbt_gan.core.selection import Selection
from pbt_gan.core.space import Space
from pbt_gan.errors import TaskError

Copies = Literal["all", "weights", "hyperparams"]
COPIED: Mapping[Copies, tuple[str, ...]] = {
    "all": ("weights", "hyperparams"),
    "weights": ("weights",),
    "hyperparams": ("hyperparams",),
}
"""What a recipient takes, as decisions name it."""

Who = Literal["recipients", "all"]
When = Literal["copied", "proved"]

_RuleFunction = TypeVar("_RuleFunction", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule(Generic[_RuleFunction]):
    """A strategy's function under the name the config gave it, with its options."""

    name: str
    function: _RuleFunction
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: frozenset[str] = field(init=False, repr=False, compare=False)  # of the function; looked up once

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", frozenset(signature(self.function).parameters))

    def takes(self, parameter: str) -> bool:
        """Whether the function asks to be handed something that not every rule needs: `memory`, or `context`."""
        return parameter in self.parameters

    @property
    def looks_back(self) -> bool:
        """Whether it may look at all that was trained so far."""
        return looks_back(self.function)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How losers copy winners, and how hyperparameters move."""

    exploit: Rule[ExploitRule] = field(default_factory=lambda: Rule("truncation", EXPLOIT["truncation"]))
    explore: Rule[ExploreRule] = field(default_factory=lambda: Rule("perturb", EXPLORE["perturb"]))
    copies: tuple[str, ...] = COPIED["all"]  # of "weights" and "hyperparams", or names of components
    who: Who = "recipients"
    when: When = "copied"  # a recipient explores: as it copies, or when the copy has proved itself for one interval
    selection: Selection = field(default_factory=Selection)
    components: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by name, keys of a state's outermost dict

    def parts(self, copied: Sequence[str]) -> list[str]:
        """Return the keys of a state's outermost dict that go over when these components are copied."""
        return [key for name in copied for key in self.components.get(name, ())]


def chosen(
    rule: Rule[ExploitRule], member: Member, view: PopulationView, rng: Generator, memory: Any
) -> tuple[Member | None, Any]:
    """Ask an exploit rule; return its donor, and its memory afterwards.

    Raises:
        TaskError: a rule that remembers returned something else than (donor, memory), or a memory that JSON cannot
            hold.
    """
    answer, memory = _asked(rule, (member, view, rng), {}, memory)
    return answer, memory


def moved(
    rule: Rule[ExploreRule], hyperparams: Hyperparams, space: Space, rng: Generator, context: Context, memory: Any
) -> tuple[Mapping[str, Value], Any]:
    """Ask an explore rule; return the hyperparameters, and its memory afterwards.

    Raises:
        TaskError: likewise.
    """
    told = {"context": context} if rule.takes("context") else {}
    answer, memory = _asked(rule, (hyperparams, space, rng), told, memory)
    return answer, memory


def _asked(rule: Rule[Any], arguments: tuple[Any, ...], told: Mapping[str, Any], memory: Any) -> tuple[Any, Any]:
    if not rule.takes("memory"):
        return rule.function(*arguments, **told, **rule.options), memory
    answer = rule.function(*arguments, memory=journaled(rule.name, memory), **told, **rule.options)
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise TaskError(
            f"The rule {rule.name} takes a memory, so it must return a pair of its answer and the memory; it returned "
            f"{answer!r}."
        )
    return answer[0], journaled(rule.name, answer[1])


def journaled(name: str, memory: Any) -> Any:
    """Return a copy of a memory as the journal will hold it, so that a resumed run remembers exactly the same.

    Raises:
        TaskError: JSON cannot hold it.
    """
    try:
        return json.loads(json.dumps(memory, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TaskError(
            f"{name} remembers what JSON cannot hold ({error}); use dicts with string keys, "
            "lists, finite numbers, strings, booleans and None."
        ) from None

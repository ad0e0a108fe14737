"""What is decided for one member at its ready point: keep, exploit and explore, or rescue."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import Any, Generic, Literal, TypeVar

from numpy.random import Generator

from pbt_gan.core.exploit import EXPLOIT, ExploitRule
from pbt_gan.core.explore import EXPLORE, ExploreRule
from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.records import Donor, Exploit
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Space, draw
from pbt_gan.errors import TaskError

Copies = Literal["all", "weights", "hyperparams"]
Who = Literal["recipients", "all"]

_COPIED: Mapping[Copies, tuple[str, ...]] = {
    "all": ("weights", "hyperparams"),
    "weights": ("weights",),
    "hyperparams": ("hyperparams",),
}


_RuleFunction = TypeVar("_RuleFunction", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule(Generic[_RuleFunction]):
    """A strategy's function under the name the config gave it, with its options."""

    name: str
    function: _RuleFunction
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remembers(self) -> bool:
        """Whether the function takes a `memory`, and returns (donor, memory)."""
        return "memory" in signature(self.function).parameters


@dataclass(frozen=True, slots=True)
class Strategy:
    """How losers copy winners, and how hyperparameters move."""

    exploit: Rule[ExploitRule] = field(default_factory=lambda: Rule("truncation", EXPLOIT["truncation"]))
    explore: Rule[ExploreRule] = field(default_factory=lambda: Rule("perturb", EXPLORE["perturb"]))
    copies: Copies = "all"
    who: Who = "recipients"


def decide_member(
    member: Member,
    view: PopulationView,
    best: Member | None,
    strategy: Strategy,
    space: Space,
    seed: int,
    memory: Any = None,
) -> Exploit:
    """Return the one decision for a member at its ready point; `memory` is what the exploit rule remembers.

    A member that diverged is *rescued*, whatever the rule, unless exploit is none: it copies everything from a
    uniformly drawn member of the better half of the healthy ones; if there is none, from the best checkpoint of the
    whole run; if there never was one, it starts anew with drawn hyperparameters.
    """
    exploit_rng = stream(seed, "exploit", member.id, member.interval)
    explore_rng = stream(seed, "explore", member.id, member.interval)  # per recipient: no two of one donor are twins
    rescued = not member.healthy and strategy.exploit.name != "none"
    if rescued:
        donor = _rescuer(view, best, exploit_rng)
        if donor is None:
            return replace(_anew(member, space, explore_rng), memory=memory)
    else:
        donor, memory = chosen(strategy.exploit, member, view, exploit_rng, memory)
    copied = () if donor is None else _COPIED["all" if rescued else strategy.copies]
    weights = donor if donor and "weights" in copied else member
    hyperparams = (donor if donor and "hyperparams" in copied else member).hyperparams
    explores = donor is not None or strategy.who == "all"
    if explores:
        hyperparams = strategy.explore.function(hyperparams, space, explore_rng, **strategy.explore.options)
    return Exploit(
        recipient=member.id,
        interval=member.interval,
        donor=_origin(donor) if donor else None,
        copied=copied,
        operation=strategy.explore.name if explores else "none",
        before=member.hyperparams,
        after=hyperparams,
        rule="rescue" if rescued else strategy.exploit.name,
        reason=_reason(member, donor, view),
        scores=weights.scores,
        step=weights.step,
        checkpoint=weights.checkpoint,
        memory=memory,
    )


def chosen(
    rule: Rule[ExploitRule], member: Member, view: PopulationView, rng: Generator, memory: Any
) -> tuple[Member | None, Any]:
    """Ask an exploit rule; return its donor, and its memory afterwards.

    Raises:
        TaskError: a rule that remembers returned something else than (donor, memory), or a memory that JSON cannot
            hold.
    """
    if not rule.remembers:
        return rule.function(member, view, rng, **rule.options), memory
    answer = rule.function(member, view, rng, memory=_plain(memory), **rule.options)
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise TaskError(
            f"The exploit rule {rule.name} takes a memory, so it must return (donor, memory); it returned {answer!r}."
        )
    donor, memory = answer
    try:
        return donor, _plain(memory)
    except (TypeError, ValueError) as error:
        raise TaskError(
            f"The exploit rule {rule.name} remembers what JSON cannot hold ({error}); use dicts with string keys, "
            "lists, finite numbers, strings, booleans and None."
        ) from None


def _plain(memory: Any) -> Any:
    """Return a copy as the journal will hold it, so that a resumed run remembers exactly the same."""
    return json.loads(json.dumps(memory, allow_nan=False))


def _rescuer(view: PopulationView, best: Member | None, rng: Generator) -> Member | None:
    better_half = math.ceil(view.healthy / 2)
    if better_half:
        return view.at(len(view) - 1 - int(rng.integers(better_half)))
    return best


def _anew(member: Member, space: Space, rng: Generator) -> Exploit:
    return Exploit(
        recipient=member.id,
        interval=member.interval,
        donor=None,
        copied=("weights", "hyperparams"),
        operation="resample",
        before=member.hyperparams,
        after=draw(space, rng),
        rule="rescue",
        reason=f"score {member.score}: diverged, and no member ever had a finite score; starts anew",
    )


def _origin(donor: Member) -> Donor:
    assert donor.checkpoint is not None  # it was evaluated, so it has one
    return Donor(donor.id, donor.interval, donor.step, donor.checkpoint)


def _reason(member: Member, donor: Member | None, view: PopulationView) -> str:
    place = f"ranks {view.rank(member) + 1} of {len(view)} from below" if member.healthy else "diverged"
    reason = f"score {member.score:.5g} {place}"
    return f"{reason}; member {donor.id} has {donor.score:.5g}" if donor else reason

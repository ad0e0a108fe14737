"""What is decided for one member at its ready point: keep, exploit and explore, or rescue."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from numpy.random import Generator

from pbt_gan.core.exploit import EXPLOIT, ExploitRule
from pbt_gan.core.explore import EXPLORE, ExploreRule
from pbt_gan.core.population import Member, PopulationView
from pbt_gan.core.records import Donor, Exploit
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Space, draw

Copies = Literal["all", "weights", "hyperparams"]
Who = Literal["recipients", "all"]

_COPIED: Mapping[Copies, tuple[str, ...]] = {
    "all": ("weights", "hyperparams"),
    "weights": ("weights",),
    "hyperparams": ("hyperparams",),
}


_RuleFunction = TypeVar("_RuleFunction")


@dataclass(frozen=True, slots=True)
class Rule(Generic[_RuleFunction]):
    """A strategy's function under the name the config gave it, with its options."""

    name: str
    function: _RuleFunction
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How losers copy winners, and how hyperparameters move."""

    exploit: Rule[ExploitRule] = field(default_factory=lambda: Rule("truncation", EXPLOIT["truncation"]))
    explore: Rule[ExploreRule] = field(default_factory=lambda: Rule("perturb", EXPLORE["perturb"]))
    copies: Copies = "all"
    who: Who = "recipients"


def decide_member(
    member: Member, view: PopulationView, best: Member | None, strategy: Strategy, space: Space, seed: int
) -> Exploit:
    """Return the one decision for a member at its ready point.

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
            return _anew(member, space, explore_rng)
    else:
        donor = strategy.exploit.function(member, view, exploit_rng, **strategy.exploit.options)
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
    )


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

"""Population Based Training: at its ready point a member is kept, copies a better one, or is rescued; then explores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from pbt_gan.core.explore import Context
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import WHOLE, Member, PopulationView
from pbt_gan.core.records import Donor, Exploit
from pbt_gan.core.rng import stream
from pbt_gan.core.space import draw
from pbt_gan.core.strategy import Copies, chosen, moved

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan

_COPIED: Mapping[Copies, tuple[str, ...]] = {
    "all": ("weights", "hyperparams"),
    "weights": ("weights",),
    "hyperparams": ("hyperparams",),
}


class PopulationBasedTraining(Policy):
    """The paper's policy, with the exploit and explore rules of the plan's strategy.

    Source: Jaderberg et al. 2017, arXiv:1711.09846, algorithm 1.
    """

    def __init__(self, plan: "Plan") -> None:
        self._plan = plan

    def ready(self, member: Member, memory: Any) -> int:
        """Return the next multiple of the ready interval."""
        interval = self._plan.ready_interval
        return (member.trained_steps // interval + 1) * interval

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Exploit]:
        """Decide about each by the same view: of before all of these decisions."""
        decisions = []
        for member in due:
            decision = self._decided(member, view, memory)
            memory = decision.memory if decision.memory is not None else memory
            decisions.append(decision)
        return decisions

    def _decided(self, member: Member, view: PopulationView, memory: Any) -> Exploit:
        """Return the one decision about a member; `memory` is what the exploit rule remembers.

        A member that diverged is *rescued*, whatever the rule, unless exploit is none: it copies everything from a
        uniformly drawn member of the better half of the healthy ones; if there is none, from the best checkpoint of the
        whole run; if there never was one, it starts anew with drawn hyperparameters.
        """
        plan, strategy = self._plan, self._plan.strategy
        exploit_rng = stream(plan.seed, "exploit", member.id, member.interval)
        # Drawn per recipient, never per donor: two recipients of one donor must not become twins.
        explore_rng = stream(plan.seed, "explore", member.id, member.interval)
        remembered = memory
        rescued = not member.healthy and strategy.exploit.name != "none"
        if rescued:
            donor = _rescuer(view, exploit_rng)
            if donor is None:
                return self._anew(member, explore_rng)
        else:
            donor, memory = chosen(strategy.exploit, member, view, exploit_rng, memory)
        copied = () if donor is None else _COPIED["all" if rescued else strategy.copies]
        weights = donor if donor and "weights" in copied else None
        hyperparams = (donor if donor and "hyperparams" in copied else member).hyperparams
        explores = donor is not None or strategy.who == "all"
        if explores:
            context = self._context(member, weights or member)
            hyperparams = moved(strategy.explore, hyperparams, plan.space, explore_rng, context)
        return replace(
            kept(member, "rescue" if rescued else strategy.exploit.name, _reason(member, donor, view)),
            donor=_origin(donor) if donor else None,
            copied=copied,
            operation=strategy.explore.name if explores else "none",
            after=hyperparams,
            **_state_of(weights) if weights else {},
            memory=None if memory == remembered else memory,
        )

    def _anew(self, member: Member, rng: Generator) -> Exploit:
        return replace(
            kept(member, "rescue"),
            copied=("weights", "hyperparams"),
            operation="resample",
            after=draw(self._plan.space, rng),
            reason=f"score {member.score}: diverged, and no member ever had a finite score; starts anew",
            scores=(),
            step=0,
            sources={},
        )

    def _context(self, member: Member, weights: Member) -> Context:
        left = 1 - member.trained_steps / self._plan.total_steps
        return Context(step=weights.step, budget_left=max(left, 0.0), scores=weights.scores)


def _state_of(donor: Member) -> dict[str, Any]:
    """Return what a recipient has afterwards: exactly the state that the donor's score was measured on."""
    return {"scores": donor.scores, "step": donor.step, "sources": {WHOLE: donor.checkpoint}}


def _rescuer(view: PopulationView, rng: Generator) -> Member | None:
    better_half = math.ceil(view.healthy / 2)
    if better_half:
        return view.at(len(view) - 1 - int(rng.integers(better_half)))
    return view.best


def _origin(donor: Member) -> Donor:
    assert donor.checkpoint is not None  # it was evaluated, so it has one
    return Donor(donor.id, donor.interval, donor.step, donor.checkpoint)


def _reason(member: Member, donor: Member | None, view: PopulationView) -> str:
    place = f"ranks {view.rank(member) + 1} of {len(view)} from below" if member.healthy else "diverged"
    reason = f"score {member.score:.5g} {place}"
    return f"{reason}; member {donor.id} has {donor.score:.5g}" if donor else reason

"""Population Based Training: at its ready point a member is kept, copies a better one, or is rescued; then explores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.random import Generator

from pbt_gan.core.explore import Context
from pbt_gan.core.phases import Arrived, Turn, next_turn, succession, turn_at
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import WHOLE, Hyperparams, Member, PopulationView
from pbt_gan.core.records import Birth, Decision, Donor, Exploit, Retire
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


_OWN = "pbt"
"""Marks a memory that is made up of several."""

_D = TypeVar("_D", Exploit, Birth)


class PopulationBasedTraining(Policy):
    """The paper's policy, with the exploit and explore rules of the plan's strategy, and the phases of its budget.

    Where the population shrinks or grows, that comes first; those who stay exploit and explore among themselves if they
    stand at a ready point as well.

    Source: Jaderberg et al. 2017, arXiv:1711.09846, algorithm 1.
    """

    def __init__(self, plan: "Plan") -> None:
        self._plan = plan

    def ready(self, member: Member, memory: Any) -> int:
        """Return the next multiple of the ready interval, or the next turn of the population if that comes first."""
        interval, place = self._plan.ready_interval, member.trained_steps
        return int(min((place // interval + 1) * interval, next_turn(self._plan.phases, place)))

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Decision]:
        """Decide about each by the same view: of before all of these decisions, without those who leave."""
        memories, decisions, going = _Memories(memory), list[Decision](), dict[int, Hyperparams]()
        ready, parents = list[Member](), list[tuple[Member | None, int]]()
        for place in sorted({member.trained_steps for member in due}):
            here = [member for member in due if member.trained_steps == place]
            turn = turn_at(self._plan.population_size, self._plan.phases, place)
            if turn is None:
                ready += here
                continue
            found = succession(turn, here, memories.arrived)
            memories.arrived = found.arrived
            decisions += [Retire(member.id, member.interval, _farewell(member, turn)) for member in found.leave]
            parents += [(parent, place) for parent in found.parents]
            if place % self._plan.ready_interval:
                decisions += [memories.noted(kept(member, reason=_welcome(turn))) for member in found.stay]
            else:
                ready += found.stay
        gone = {decision.member for decision in decisions if isinstance(decision, Retire)}
        view = view.only(set(view.members) - gone) if gone else view
        for member in sorted(ready, key=lambda member: member.id):
            decision = self._decided(member, view, memories, going)
            going[member.id] = decision.after
            decisions.append(memories.noted(decision))
        for number, (parent, place) in enumerate(parents):
            birth = self._born(view.next_id + number, parent or view.best, place, view, memories, going)
            going[birth.member] = birth.hyperparams
            decisions.append(memories.noted(birth))
        return decisions

    def _decided(
        self, member: Member, view: PopulationView, memories: "_Memories", going: Mapping[int, Hyperparams]
    ) -> Exploit:
        """Return the one decision about a member.

        A member that diverged is *rescued*, whatever the rule, unless exploit is none: it copies everything from a
        uniformly drawn member of the better half of the healthy ones; if there is none, from the best checkpoint of the
        whole run; if there never was one, it starts anew with drawn hyperparameters.
        """
        plan, strategy = self._plan, self._plan.strategy
        exploit_rng = stream(plan.seed, "exploit", member.id, member.interval)
        # Drawn per recipient, never per donor: two recipients of one donor must not become twins.
        explore_rng = stream(plan.seed, "explore", member.id, member.interval)
        rescued = not member.healthy and strategy.exploit.name != "none"
        if rescued:
            donor = _rescuer(view, exploit_rng)
            if donor is None:
                return self._anew(member, explore_rng)
        else:
            donor, memories.exploit = chosen(strategy.exploit, member, view, exploit_rng, memories.exploit)
        copied = () if donor is None else _COPIED["all" if rescued else strategy.copies]
        weights = donor if donor and "weights" in copied else None
        hyperparams = (donor if donor and "hyperparams" in copied else member).hyperparams
        explores = donor is not None or strategy.who == "all"
        if explores:
            context = self._context(member, weights or member, donor, view, going)
            hyperparams, memories.explore = moved(
                strategy.explore, hyperparams, plan.space, explore_rng, context, memories.explore
            )
        return replace(
            kept(member, "rescue" if rescued else strategy.exploit.name, _reason(member, donor, view)),
            donor=_origin(donor) if donor else None,
            copied=copied,
            operation=strategy.explore.name if explores else "none",
            after=hyperparams,
            **_state_of(weights) if weights else {},
        )

    def _born(
        self,
        member: int,
        parent: Member | None,
        place: int,
        view: PopulationView,
        memories: "_Memories",
        going: Mapping[int, Hyperparams],
    ) -> Birth:
        """Return the birth of a member where the population grows: of a parent, explored, or of nobody, drawn anew."""
        rng = stream(self._plan.seed, "birth", member)
        if parent is None:
            return Birth(member, draw(self._plan.space, rng), "drawn", trained_steps=place)
        child = Member(member, parent.hyperparams, trained_steps=place)
        context = self._context(child, parent, parent, view, going)
        rule = self._plan.strategy.explore
        hyperparams, memories.explore = moved(
            rule, parent.hyperparams, self._plan.space, rng, context, memories.explore
        )
        return Birth(
            member, hyperparams, f"of member {parent.id}, {rule.name}", trained_steps=place, **_state_of(parent)
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

    def _context(
        self,
        member: Member,
        weights: Member,
        donor: Member | None,
        view: PopulationView,
        going: Mapping[int, Hyperparams],
    ) -> Context:
        left = 1 - member.trained_steps / self._plan.total_steps
        return Context(
            step=weights.step,
            budget_left=max(left, 0.0),
            scores=weights.scores,
            member=member,
            donor=donor,
            view=view,
            decided=going,
            ready_interval=self._plan.ready_interval,
        )


class _Memories:
    """What the rules and the turns remember, each for itself, and all of it in the policy's memory."""

    def __init__(self, memory: Any) -> None:
        self._noted = memory
        kept = isinstance(memory, Mapping) and memory.get("of") == _OWN
        # Whatever else it is, the exploit rule alone remembers.
        parts = memory if kept else {"exploit": memory}
        self.exploit: Any = parts.get("exploit")
        self.explore: Any = parts.get("explore")
        self.arrived: Arrived = parts.get("arrived", {})

    def noted(self, decision: _D) -> _D:
        """Return a decision with the memory that it leaves behind, if that is another one than before."""
        memory = self._plain()
        if memory == self._noted:
            return decision
        self._noted = memory
        return replace(decision, memory=memory)

    def _plain(self) -> Any:
        parts = {"explore": self.explore, "arrived": {place: list(went) for place, went in self.arrived.items()}}
        others = {name: value for name, value in parts.items() if value}
        if not others and (self.exploit is not None or self._noted is None):
            return self.exploit
        return {"of": _OWN, "exploit": self.exploit, **others}


def _farewell(member: Member, turn: Turn) -> str:
    return f"score {member.score:.5g}; of {turn.before} members {turn.after} go on"


def _welcome(turn: Turn) -> str:
    return f"of {turn.before} members {turn.after} go on"


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

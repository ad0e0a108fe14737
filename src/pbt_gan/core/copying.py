"""What policies have in common that copy members: states that go over, and moves of their hyperparameters."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from pbt_gan.core.explore import Context
from pbt_gan.core.policy import kept
from pbt_gan.core.population import WHOLE, Hyperparams, Member, PopulationView
from pbt_gan.core.records import Donor, Exploit
from pbt_gan.core.rng import stream
from pbt_gan.core.safety import safer
from pbt_gan.core.space import draw
from pbt_gan.core.strategy import moved

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan


def state_of(donor: Member) -> dict[str, Any]:
    """Return what a recipient has afterwards: exactly the state that the donor's score was measured on."""
    return {"scores": donor.scores, "step": donor.step, "sources": {WHOLE: donor.checkpoint}}


def parts_of(donor: Member, member: Member, parts: Sequence[str]) -> dict[str, Any]:
    """Return what a recipient has that takes parts of a donor's state, by the keys of its outermost dict.

    Age and scores stay its own: of the whole that comes of it nothing is known before it was measured.
    """
    assert donor.checkpoint is not None
    return {"sources": {**member.sources, **dict.fromkeys(parts, donor.checkpoint)}}


def origin(donor: Member) -> Donor:
    """Return where a donor's state lies."""
    assert donor.checkpoint is not None  # it was evaluated, so it has one
    return Donor(donor.id, donor.interval, donor.step, donor.checkpoint)


def whole(member: Member, donor: Member, rule: str, reason: str, hyperparams: Hyperparams) -> Exploit:
    """Return the decision that a member takes a donor's whole state, and goes on with some hyperparameters."""
    copied = ("weights", "hyperparams") if hyperparams == donor.hyperparams else ("weights",)
    decision = replace(kept(member, rule, reason), donor=origin(donor), copied=copied, after=hyperparams)
    return replace(decision, **state_of(donor))


def rescuer(member: Member, view: PopulationView, rng: Generator) -> Member | None:
    """Return whom a member copies that has diverged; None: nobody ever had a finite score.

    One of the better half of the healthy ones is drawn. If all have diverged, it is what the member itself last was
    before, so that a population does not become the copies of one; and where it has diverged again from there, or never
    was healthy, the best there ever was.
    """
    better_half = math.ceil(view.healthy / 2)
    if better_half:
        return view.at(len(view) - 1 - int(rng.integers(better_half)))
    own = view.sound.get(member.id)
    return own if own is not None and member.falls < 2 else view.best


def anew(plan: "Plan", member: Member) -> Exploit:
    """Return the decision that a member starts with a new state and drawn hyperparameters: nobody can rescue it."""
    drawn = draw(plan.space, stream(plan.seed, "explore", member.id, member.interval))
    return replace(
        kept(member, "rescue"),
        copied=("weights", "hyperparams"),
        operation="resample",
        after=safer(plan, member, drawn, drawn),
        reason=f"score {member.score}: diverged, and no member ever had a finite score; starts anew",
        scores=(),
        **plan.fresh,
    )


def context(
    plan: "Plan",
    member: Member,
    weights: Member,
    donor: Member | None,
    view: PopulationView,
    going: Mapping[int, Hyperparams],
) -> Context:
    """Return what an explore rule is told.

    Args:
        plan: of the run.
        member: who moves.
        weights: whose state it goes on with.
        donor: from whom it copies, if anybody.
        view: the population.
        going: with what those go on who were decided about before it.
    """
    left = 1 - member.trained_steps / plan.total_steps
    return Context(
        step=weights.step,
        budget_left=max(left, 0.0),
        scores=weights.scores,
        member=member,
        donor=donor,
        view=view,
        decided=going,
        ready_interval=plan.ready_interval,
    )


def explored(plan: "Plan", decision: Exploit, told: Context, memory: Any) -> tuple[Exploit, Any]:
    """Return a decision whose hyperparameters the plan's explore rule has moved, and what that remembers."""
    rng = stream(plan.seed, "explore", decision.recipient, decision.interval)
    rule = plan.strategy.explore
    after, memory = moved(rule, decision.after, plan.space, rng, told, memory)
    return replace(decision, after=after, operation=rule.name), memory


def cloned(
    plan: "Plan",
    member: Member,
    donor: Member,
    rule: str,
    reason: str,
    view: PopulationView,
    going: Mapping[int, Hyperparams],
    memory: Any,
) -> tuple[Exploit, Any]:
    """Return the decision that a member copies a donor and explores, with the reason and the donor's score.

    One that has diverged explores the safer way where that is known.

    Args:
        plan: of the run.
        member: who copies.
        donor: whom.
        rule: what it is called in the journal.
        reason: for a person.
        view: the population.
        going: as of `context`.
        memory: of the explore rule; returned as it is afterwards.
    """
    decision = whole(member, donor, rule, f"{reason}; member {donor.id} has {donor.score:.5g}", donor.hyperparams)
    decision, memory = explored(plan, decision, context(plan, member, donor, donor, view, going), memory)
    if not member.healthy:
        decision = replace(decision, after=safer(plan, member, donor.hyperparams, decision.after))
    return decision, memory

"""Hyperparameters of which one direction is known to be the safer one, and when no direction helps any more."""

from typing import TYPE_CHECKING

from pbt_gan.core.explore import FACTORS
from pbt_gan.core.population import Hyperparams, Member, Value
from pbt_gan.core.rng import stream
from pbt_gan.core.space import Choice
from pbt_gan.core.state import State

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan

IN_A_ROW = 5
"""Times that every member has diverged, with no healthy score of any in between, after which a run gives up."""

_SPREAD = (0.5, 1.5)  # of a move, around its length


def safer(plan: "Plan", member: Member, begun: Hyperparams, moved: Hyperparams) -> Hyperparams:
    """Return with what a member goes on that has diverged: what is known to be safer moves that way and no other.

    It moves about as far as `perturb` does from where the donor stood, and three times as far each time in a row that
    this very member diverges; the bounds hold. How far exactly is drawn: two that take over one donor are no twins.

    Args:
        plan: of the run.
        member: that has diverged.
        begun: what it takes over: its donor's.
        moved: the same, explored.
    """
    factors = plan.strategy.explore.options.get("factors", FACTORS)
    rng = stream(plan.seed, "safer", member.id, member.interval)
    found: dict[str, Value] = dict(moved)
    for name in sorted(plan.space):
        domain = plan.space[name]
        if not isinstance(domain, Choice) and domain.safer is not None:
            units = 3.0 ** (min(max(member.falls, 1), IN_A_ROW + 1) - 1) * float(rng.uniform(*_SPREAD))
            found[name] = domain.shifted(begun[name], units if domain.safer == "up" else -units, factors, rng)
    return found


def hopeless(state: State) -> bool:
    """Whether every member has diverged time and again since anybody was healthy."""
    return bool(state.members) and all(member.falls >= IN_A_ROW for member in state.members.values())

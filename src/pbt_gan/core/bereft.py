"""What becomes of members whose states are gone: their files were damaged, in every commit that was kept."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pbt_gan.core.copying import origin, rescuer, state_of
from pbt_gan.core.policy import kept
from pbt_gan.core.population import Member
from pbt_gan.core.records import Exploit
from pbt_gan.core.rng import stream
from pbt_gan.core.state import State

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan


def bereft(plan: "Plan", state: State, there: Collection[str]) -> Sequence[Exploit]:
    """Return the decisions about members that would go on with a checkpoint which is not there any more.

    They take over the weights of a healthy member, drawn as in a rescue, and keep their own hyperparameters, which are
    not at fault. With exploit none, where nobody is helped, they go back to an older state of their own, such as the
    best of the run. Where there is none, their weights start anew.

    Args:
        plan: of the run.
        state: in which nobody counts as measured whose measured state is gone.
        there: the checkpoints that there are.
    """
    members = [member for member in state.members.values() if member.trained_steps < plan.total_steps]
    return [_decided(plan, member, state) for member in members if not set(member.sources.values()) <= set(there)]


def _decided(plan: "Plan", member: Member, state: State) -> Exploit:
    gone = ", ".join(sorted(set(member.sources.values())))
    decision = replace(kept(member, "lost", f"{gone} was damaged on disk"), copied=("weights",))
    rng = stream(plan.seed, "lost", member.id, member.interval)
    donor = _own(member, state) if plan.strategy.exploit.name == "none" else rescuer(member, state.view, rng)
    if donor is None:
        return replace(decision, scores=(), **plan.fresh)
    return replace(decision, donor=origin(donor), **state_of(donor))


def _own(member: Member, state: State) -> Member | None:
    older = (state.measured.get(member.id), state.sound.get(member.id), state.best)
    return next((each for each in older if each is not None and each.id == member.id and each.healthy), None)

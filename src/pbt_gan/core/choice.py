"""Whom a member copies at its ready point, if anybody, and whether it explores."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.random import Generator

from pbt_gan.core.budget import member_steps
from pbt_gan.core.comparison import Compared
from pbt_gan.core.copying import rescuer
from pbt_gan.core.memories import Memories
from pbt_gan.core.population import Member
from pbt_gan.core.proving import donor_of, proved
from pbt_gan.core.rng import stream
from pbt_gan.core.strategy import COPIED, chosen

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a member copies, and whether it explores."""

    rule: str
    donor: Member | None
    copied: tuple[str, ...]
    explores: bool
    origin: Member | None = None  # of whom it has copied before, and what it explores from now
    remark: str = ""
    compared_at: int | None = None  # age at which scores were compared; None: the latest ones were, or none at all


def choose(plan: "Plan", patience: int | None, member: Member, among: Compared, memories: Memories) -> Choice | None:
    """Return what a member is to do; None: it starts anew.

    A member that diverged is *rescued*, whatever the rule, unless exploit is none: it copies everything from a
    uniformly drawn member of the better half of the healthy ones, by their latest scores; if there is none, from its
    own last healthy checkpoint or the best of the whole run, see `copying.rescuer`; if there never was one, it starts
    anew with drawn hyperparameters.

    Args:
        plan: of the run.
        patience: ready points without a better score anywhere, after which a member of the worse half starts again from
            the best checkpoint of the whole run; None: nobody does.
        member: at its ready point.
        among: whom it is ranked, itself included.
        memories: of what went before; what the rules remember of this is noted there.
    """
    strategy, best = plan.strategy, among.latest.measured.best
    rng = stream(plan.seed, "exploit", member.id, member.interval)
    at_once = strategy.when == "copied"
    trial = memories.trials.get(str(member.id))
    if not member.healthy and strategy.exploit.name != "none":
        donor = rescuer(member, among.latest.ranked, rng)
        return Choice("rescue", among.latest.original(donor), COPIED["all"], at_once) if donor else None
    if trial is not None and proved(member, donor_of(trial), among.latest):
        remark = f"; has held the {trial['scores'][-1]:.5g} of member {trial['member']}"
        return Choice("proved", None, (), True, donor_of(trial), remark)
    if best is not None and _stalls(plan, patience, member, among, memories):
        return Choice("restart", best, COPIED["all"], True, compared_at=among.age)
    donor, remark = _donor(plan, member, among, rng, memories)
    if donor is not None:
        return Choice(strategy.exploit.name, donor, strategy.copies, at_once, remark=remark, compared_at=among.age)
    if trial is not None:
        return Choice("back", donor_of(trial), strategy.copies, True, compared_at=among.age)
    explores = strategy.who == "all"
    return Choice(strategy.exploit.name, None, (), explores, remark=remark, compared_at=among.age)


def waits(plan: "Plan", member: Member, memories: Memories) -> str:
    """Return why the selection does not let a member copy yet; "": it does."""
    selection = plan.strategy.selection
    if _spent(plan, member.trained_steps) < selection.warmup:
        return "; the run warms up"
    if member.trained_steps - memories.copied.get(str(member.id), -selection.min_age) < selection.min_age:
        return "; has copied of late"
    return ""


def _donor(
    plan: "Plan", member: Member, among: Compared, rng: Generator, memories: Memories
) -> tuple[Member | None, str]:
    """Ask the exploit rule, unless nobody may copy yet; return a donor that is far enough ahead, as it is copied.

    A rule whose donor is not copied remembers nothing of it. The second is a remark for a person.
    """
    rule, selection = plan.strategy.exploit, plan.strategy.selection
    if why := waits(plan, member, memories):
        return None, why
    if among.alone:
        return None, "; nobody else has been measured at this age yet"
    recipient = among.peers.as_ranked(member)
    donor, memory = chosen(rule, recipient, among.peers.ranked, rng, memories.exploit)
    if donor is not None and not among.peers.ahead(donor, recipient, selection.min_gap):
        return None, f"; member {donor.id} is not {selection.min_gap:g} standard errors ahead"
    copied, why = among.handed_over(donor, recipient) if donor is not None else (None, "")
    if not why:
        memories.exploit = memory
    return copied, why


def _stalls(plan: "Plan", patience: int | None, member: Member, among: Compared, memories: Memories) -> bool:
    """Whether a member is one of the worse half, and nobody has got better for long; notes that it restarts."""
    best, ranked = among.latest.measured.best, among.peers.ranked
    if patience is None or best is None or ranked.rank(among.peers.as_ranked(member)) >= len(ranked) // 2:
        return False
    since = max(best.trained_steps, memories.restarts.get(str(member.id), 0))
    if member.trained_steps - since < patience * plan.ready_interval:
        return False
    memories.restarts = {**memories.restarts, str(member.id): member.trained_steps}
    return True


def _spent(plan: "Plan", place: int) -> float:
    """Return the share of the budget that is spent when all stand at a place."""
    begun = [phase for phase in plan.phases if phase.begins < place]
    return member_steps(plan.population_size, begun, place) / plan.member_steps

"""Who is to be measured once more before anything is decided: those whose scores are too close for the decision.

Source: racing, Maron and Moore 1994; among members of a population Heidrich-Meisner and Igel 2009, with bounds that
hold for certain where these are standard errors.
"""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from pbt_gan.core.choice import waits
from pbt_gan.core.comparison import Comparison
from pbt_gan.core.memories import Memories
from pbt_gan.core.phases import Turn, succession, turn_at
from pbt_gan.core.population import Member
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Seen
from pbt_gan.core.strategy import chosen

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan


def doubtful(plan: "Plan", due: Sequence[Member], comparison: Comparison, memories: Memories) -> list[Member]:
    """Return those of `due` whose gap to somebody is too small.

    At a turn of the population these are all who are too close to somebody on the other side of the cut; elsewhere
    whoever would copy, and its donor if that is due as well and was compared by what it still is, where the donor is
    not far enough ahead. What is left to doubt when each has been measured as often as may be is decided as ever.
    """
    repeats = plan.strategy.selection.repeats
    if repeats == 1:
        return []
    found = set[int]()
    for place in {member.trained_steps for member in due}:
        here = [member for member in due if member.trained_steps == place]
        turn = turn_at(plan.population_size, plan.phases, place)
        if turn is None:
            found |= _about_to_copy(plan, here, comparison, memories)
        elif turn.after < turn.before:
            found |= _at_the_cut(plan, turn, here, comparison.latest, memories)
    return [member for member in due if member.id in found and member.measurements < repeats]


def _at_the_cut(plan: "Plan", turn: Turn, here: Sequence[Member], seen: Seen, memories: Memories) -> set[int]:
    min_gap, found = plan.strategy.selection.min_gap, set[int]()
    stay = {member.id for member in succession(turn, here, memories.arrived, seen.as_ranked).stay}
    ranked = [seen.ranked.members[member.id] for member in here]
    above = [member for member in ranked if member.id in stay]
    below = [member for member in ranked if member.id not in stay]
    for one, other in product(above, below):
        if seen.close(one, other, min_gap):
            found |= {one.id, other.id}
    return found


def _about_to_copy(plan: "Plan", here: Sequence[Member], comparison: Comparison, memories: Memories) -> set[int]:
    strategy, found = plan.strategy, set[int]()
    for member in here:
        if member.healthy and not waits(plan, member, memories) and str(member.id) not in memories.trials:
            among = comparison.of(member)
            recipient = among.peers.ranked.members[member.id]
            rng = stream(plan.seed, "exploit", member.id, member.interval)  # that of the decision itself
            donor, _ = chosen(strategy.exploit, recipient, among.peers.ranked, rng, memories.exploit)
            if donor is not None and among.peers.close(donor, recipient, strategy.selection.min_gap):
                found |= {donor.id, member.id} if among.unchanged(donor) else {member.id}
    return found

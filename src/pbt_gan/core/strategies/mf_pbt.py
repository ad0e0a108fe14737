"""MF-PBT: sub-populations that evolve at intervals of their own, and trade asymmetrically."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pbt_gan.core.copying import anew, cloned, rescuer, whole
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import Hyperparams, Member, PopulationView
from pbt_gan.core.records import Exploit
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Seen
from pbt_gan.errors import ConfigError

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan


class MultipleFrequencies(Policy):
    """Sub-populations of which some decide often and some seldom, so that a setting has time to show what it is worth.

    Sub-population `i` is due every `intervals[i]` ready intervals, and then falls into four brackets by rank:

    - winners, the best quarter, and survivors, the second, go on as they are;
    - each of the losers, the last quarter, takes the state and the hyperparameters of a winner, explored;
    - each of those open for migration, in between, takes the state of the best member elsewhere that nobody took yet,
      if that is better. From a sub-population that decides more seldom it takes the hyperparameters too; from one that
      decides more often it does not, since greedy settings must not spread: it has those of its own best one. Neither
      is explored.

    Departs from the paper: a sub-population need not be a multiple of four (a quarter is rounded down and at least one;
    with two or three members there are fewer brackets); members are dealt out to sub-populations in turn; diverged
    members are rescued as everywhere; in asynchronous runs each is decided about by where it stands when it comes. The
    paper's intervals are 1, 10, 25 and 50 in runs of thousands; ours are for runs of tens.

    Source: Doulazmi et al. 2025, arXiv:2506.03225, section 4 and algorithm 1.

    Args:
        plan: of the run. Of its strategy it uses the explore rule and the selection.
        intervals: of each sub-population, in ready intervals, from the one that decides most often on.

    Raises:
        ConfigError: the plan has phases; or the intervals make no sense, or are too many for its members.
    """

    def __init__(self, plan: "Plan", *, intervals: Sequence[int] = (1, 4)) -> None:
        if plan.phases:
            raise ConfigError('pbt.policy = "mf-pbt" keeps its size; leave pbt.population and pbt.phases out.')
        if not intervals or intervals[0] < 1 or any(a >= b for a, b in pairwise(intervals)):
            raise ConfigError(
                f"pbt.policy.intervals = {list(intervals)}: give whole numbers that go up, such as [1, 4]."
            )
        if plan.population_size < 2 * len(intervals):
            raise ConfigError(
                f"pbt.policy.intervals = {list(intervals)} are {len(intervals)} sub-populations, of two members or "
                f"more each, but population_size = {plan.population_size}."
            )
        self._plan = plan
        self._intervals = intervals

    def home(self, member: int) -> int:
        """Deal the members out in turn."""
        return member % len(self._intervals)

    def ready(self, member: Member, memory: Any) -> int:
        """Return the next multiple of the interval of a member's sub-population."""
        interval = self._plan.ready_interval * self._intervals[member.subpopulation]
        return (member.trained_steps // interval + 1) * interval

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Exploit]:
        """Decide about each by the same view: of before all of these decisions."""
        plan = self._plan
        seen = plan.strategy.selection.seen(view, score_interval=plan.score_interval, total_steps=plan.last_step)
        going: dict[int, Hyperparams] = {}
        decisions: list[Exploit] = []
        for member in due:
            decision, newer = self._decided(member, seen, going, memory)
            going[member.id] = decision.after
            decisions.append(replace(decision, memory=None if newer == memory else newer))
            memory = newer
        return decisions

    def _decided(
        self, member: Member, seen: Seen, going: Mapping[int, Hyperparams], memory: Any
    ) -> tuple[Exploit, Any]:
        """Return the decision about one member, and what the explore rule remembers."""
        plan, own = self._plan, seen.ranked.subpopulation(member.subpopulation)
        quarter = max(len(own) // 4, 1)
        ranked = seen.ranked.members[member.id]
        rank = own.rank(ranked)
        place = f"score {member.score:.5g} ranks {rank + 1} of {len(own)} from below in its sub-population"
        if not member.healthy:
            donor = rescuer(member, seen.ranked, stream(plan.seed, "exploit", member.id, member.interval))
            if donor is None:
                return anew(plan, member), memory
            return cloned(self._plan, member, seen.original(donor), "rescue", place, seen.measured, going, memory)
        if rank < quarter and len(own) > 1:
            winner = seen.original(own.at(len(own) - quarter + rank))
            return cloned(self._plan, member, winner, "mf-pbt", place, seen.measured, going, memory)
        migrant = migrants(own, _elsewhere(seen.ranked, member.subpopulation), quarter).get(member.id)
        if migrant is None:
            return kept(member, "mf-pbt", place), memory
        slower = migrant.subpopulation > member.subpopulation
        hyperparams = (migrant if slower else own.at(len(own) - 1)).hyperparams
        from_where = f"{place}; member {migrant.id} of sub-population {migrant.subpopulation} has {migrant.score:.5g}"
        return whole(member, seen.original(migrant), "migration", from_where, hyperparams), memory


def migrants(own: PopulationView, others: PopulationView, quarter: int) -> Mapping[int, Member]:
    """Return whom of the others each member that is open for migration takes, if anybody.

    They choose in turn, best first: each the best one that is left, if that ranks above it.

    Args:
        own: the sub-population.
        others: all other members.
        quarter: how many are open: those who rank above so many losers, and below as many survivors and winners.
    """
    taken: dict[int, Member] = {}
    for rank in reversed(range(quarter, min(2 * quarter, len(own) - quarter))):
        member, best_left = own.at(rank), others.healthy - len(taken)
        if best_left > 0:
            candidate = others.at(len(others) - 1 - len(taken))
            if member.healthy and candidate.score > member.score:
                taken[member.id] = candidate
    return taken


def _elsewhere(view: PopulationView, subpopulation: int) -> PopulationView:
    return view.only({member.id for member in view.members.values() if member.subpopulation != subpopulation})

"""IPBT: PBT that starts its hyperparameters again when it stalls, each time with a longer ready interval."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pbt_gan.core.copying import context, explored, whole
from pbt_gan.core.pbt import PopulationBasedTraining
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import Hyperparams, Member, PopulationView
from pbt_gan.core.records import Decision, Exploit
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Seen
from pbt_gan.core.space import draw
from pbt_gan.errors import ConfigError

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan

_FEWEST = 2  # ready points that must be left after a restart, of the interval that it would have


@dataclass(frozen=True, slots=True)
class _Iteration:
    """What is remembered: where the iteration stands, and what the rules of PBT remember."""

    number: int = 0
    interval: int = 0  # steps between two of its ready points
    begins: int = 0  # place in the plan
    at: int = 0  # the last ready point that was counted
    best: float | None = None  # ranking score of the iteration
    failed: int = 0  # ready points since without a better one
    joined: Mapping[str, int] = field(default_factory=dict)  # by member: the iteration that it has begun; missing: 0
    rules: Any = None


class IteratedPBT(Policy):
    """PBT whose ready interval nobody has to choose: short at first, and longer after each restart.

    When the best score has not risen for `patience` ready points, an *iteration* of PBT ends and the next one begins,
    with a ready interval `growth` times as long. There the worse half of the population takes the states of the better
    half; every other one, by rank, draws its hyperparameters anew, and the others move on from those of the best member
    by the explore rule. The best one goes on as it is. Nothing restarts that would have fewer than two ready points
    left.

    Departs from the paper, which shrinks and perturbs the weights at a restart (half of them are new ones): a policy
    says where states go and knows no weights. It finds the hyperparameters that are not drawn by a time-varying model;
    with `explore = "pb2"` so does this. It smooths the best scores by a Gaussian process before it compares them; here
    the selection's `by = "mean"` does that. Its exploit rule is any that the config names, truncation with 0.25 in the
    paper.

    Source: Chebykin, Alderliesten and Bosman 2025, arXiv:2511.09190, section 3; constants of its appendix.

    Args:
        plan: of the run; its strategy is that of the PBT inside.
        patience: ready points without a better score.
        growth: of the ready interval.

    Raises:
        ConfigError: the plan has phases, or an option makes no sense.
    """

    def __init__(self, plan: "Plan", *, patience: int = 3, growth: int = 2) -> None:
        if plan.phases:
            raise ConfigError('pbt.policy = "ipbt" keeps its size; leave pbt.population and pbt.phases out.')
        for name, value, least in (("patience", patience, 1), ("growth", growth, 1)):
            if value < least:
                raise ConfigError(f"pbt.policy.{name} = {value}: give a whole number from {least} on.")
        if plan.strategy.when == "proved":
            raise ConfigError(
                'pbt.explore.when = "proved" goes back to what pbt.policy = "ipbt" has restarted from. Leave it out.'
            )
        self._plan = plan
        self._patience = patience
        self._growth = growth
        self._pbt = PopulationBasedTraining(plan)

    def ready(self, member: Member, memory: Any) -> int:
        """Return the next ready point of the iteration."""
        now = self._remembered(memory)
        return now.begins + ((member.trained_steps - now.begins) // now.interval + 1) * now.interval

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Decision]:
        """Begin the next iteration if this one stalls; those who have not begun it do so, the others do as in PBT."""
        plan, now = self._plan, self._remembered(memory)
        seen = plan.strategy.selection.seen(view, score_interval=plan.score_interval, total_steps=plan.last_step)
        now = self._counted(now, max(member.trained_steps for member in due), seen.ranked)
        # Where all have diverged PBT rescues them first.
        late = [m for m in due if now.joined.get(str(m.id), 0) < now.number and seen.ranked.healthy]
        others = [member for member in due if member not in late]
        decisions: list[Decision] = []
        for decision in self._pbt.decide(others, view, now.rules) if others else ():
            now = now if decision.memory is None else replace(now, rules=decision.memory)
            decisions.append(replace(decision, memory=asdict(now)))
        going: dict[int, Hyperparams] = {}
        for member in late:
            restarted = self._restarted(member, seen, going)
            going[member.id] = restarted.after
            now = replace(now, joined={**now.joined, str(member.id): now.number})
            decisions.append(replace(restarted, memory=asdict(now)))
        return decisions

    def archive(self, memory: Any) -> Collection[str]:
        """Return what the PBT inside has put aside."""
        return self._pbt.archive(self._remembered(memory).rules)

    def _remembered(self, memory: Any) -> _Iteration:
        return _Iteration(**memory) if memory else _Iteration(interval=self._plan.ready_interval)

    def _counted(self, now: _Iteration, place: int, ranked: PopulationView) -> _Iteration:
        """Return the iteration after a ready point, or the next one."""
        if place <= now.at or (place - now.begins) % now.interval:
            return now  # in asynchronous runs the first that comes to a ready point counts it; who diverges comes early
        best = ranked.at(len(ranked) - 1)
        better = best.healthy and (now.best is None or best.score > now.best)
        now = replace(now, at=place, failed=0 if better else now.failed + 1, best=best.score if better else now.best)
        longer = now.interval * self._growth
        if now.failed < self._patience or place + _FEWEST * longer > self._plan.total_steps:
            return now
        return replace(now, number=now.number + 1, interval=longer, begins=place, best=None, failed=0)

    def _restarted(self, member: Member, seen: Seen, going: Mapping[int, Hyperparams]) -> Exploit:
        """Return how a member begins an iteration."""
        plan, ranked = self._plan, seen.ranked
        rank, size = ranked.rank(ranked.members[member.id]), len(ranked)
        best = ranked.at(size - 1)
        if rank == size - 1:
            return kept(member, "restart", "nobody has got better for long; the best one goes on")
        donor = seen.original(ranked.at(rank + (size + 1) // 2)) if rank < size // 2 else member
        if not donor.healthy:
            donor = seen.original(best)
        reason = "nobody has got better for long; the ready interval grows"
        decision = kept(member, "restart", reason)
        if donor is not member:
            decision = whole(member, donor, "restart", reason, donor.hyperparams)
        if rank % 2:
            drawn = draw(plan.space, stream(plan.seed, "explore", member.id, member.interval))
            return replace(decision, after=drawn, operation="resample")
        told = context(plan, member, donor, seen.original(best), seen.measured, going)
        # What an explore rule has learnt of a line's moves says nothing of a jump; it need not remember this one.
        return explored(plan, replace(decision, after=best.hyperparams), told, None)[0]

"""Population Based Training: at its ready point a member is kept, copies a better one, or is rescued; then explores."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pbt_gan.core.choice import choose
from pbt_gan.core.comparison import Compared, Comparison
from pbt_gan.core.copying import anew, context, origin, parts_of, state_of
from pbt_gan.core.doubt import doubtful
from pbt_gan.core.memories import Memories
from pbt_gan.core.phases import Turn, next_turn, succession, turn_at
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import Hyperparams, Member, PopulationView
from pbt_gan.core.records import Birth, Decision, Exploit, Measure, Retire
from pbt_gan.core.rng import stream
from pbt_gan.core.safety import safer
from pbt_gan.core.space import draw
from pbt_gan.core.strategy import moved
from pbt_gan.errors import ConfigError

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan

_TOO_CLOSE = "too close to another one to decide"


class PopulationBasedTraining(Policy):
    """The paper's policy, with the exploit and explore rules of the plan's strategy, and the phases of its budget.

    Where the population shrinks or grows, that comes first; those who stay exploit and explore among themselves if they
    stand at a ready point as well. All of it goes by what the strategy's selection sees; whom a member copies, also by
    the plan's comparison.

    Source: Jaderberg et al. 2017, arXiv:1711.09846, algorithm 1.

    Args:
        plan: of the run.
        patience: ready points without a better score anywhere, after which a member of the worse half starts again from
            the best checkpoint of the whole run, explored; None: nobody does.
    """

    comparisons = ("latest", "fair")

    def __init__(self, plan: "Plan", *, patience: int | None = None) -> None:
        if patience is not None and patience < 1:
            raise ConfigError(f"pbt.policy.patience = {patience}: give a number of ready points, such as 4.")
        self._plan = plan
        self._patience = patience
        self.looks_back = plan.strategy.exploit.looks_back or plan.strategy.explore.looks_back

    def ready(self, member: Member, memory: Any) -> int:
        """Return the next multiple of the ready interval, or the next turn of the population if that comes first."""
        interval, place = self._plan.ready_interval, member.trained_steps
        return int(min((place // interval + 1) * interval, next_turn(self._plan.phases, place)))

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Decision]:
        """Decide about each by the same view: of before all of these decisions, without those who leave."""
        memories, decisions, going = Memories(memory, view), list[Decision](), dict[int, Hyperparams]()
        comparison = Comparison(self._plan, view)
        if close := doubtful(self._plan, due, comparison, memories):
            return [Measure(member.id, member.interval, _TOO_CLOSE) for member in close]
        ready, parents = list[Member](), list[tuple[Member | None, int]]()
        for place in sorted({member.trained_steps for member in due}):
            here = [member for member in due if member.trained_steps == place]
            turn = turn_at(self._plan.population_size, self._plan.phases, place)
            if turn is None:
                ready += here
                continue
            measured = [*view.members.values()]
            found = succession(turn, here, memories.arrived, comparison.latest.as_ranked, measured)
            memories.arrived = found.arrived
            decisions += [Retire(member.id, member.interval, _farewell(member, turn)) for member in found.leave]
            fresh = turn.newcomers == "fresh"
            parents += [(None if fresh else parent or view.best, place) for parent in found.parents]
            between = place % self._plan.ready_interval != 0
            unharmed = [member for member in found.stay if between and member.healthy]
            decisions += [memories.noted(kept(member, reason=_welcome(turn))) for member in unharmed]
            ready += [member for member in found.stay if member not in unharmed]
        gone = {decision.member for decision in decisions if isinstance(decision, Retire)}
        if gone:
            view = view.only(set(view.members) - gone)
            comparison = Comparison(self._plan, view)
        for member in sorted(ready, key=lambda member: member.id):
            decision = self._decided(member, comparison.of(member), memories, going)
            going[member.id] = decision.after
            decisions.append(memories.noted(decision))
        for number, (parent, place) in enumerate(parents):
            birth = self._born(view.next_id + number, parent, place, view, memories, going)
            going[birth.member] = birth.hyperparams
            decisions.append(memories.noted(birth))
        return decisions

    def archive(self, memory: Any) -> Collection[str]:
        """Return the checkpoints to which copies go back that do not prove themselves."""
        return [trial["checkpoint"] for trial in Memories(memory).trials.values()]

    def _decided(
        self, member: Member, among: Compared, memories: Memories, going: Mapping[int, Hyperparams]
    ) -> Exploit:
        """Return the one decision about a member."""
        plan, strategy = self._plan, self._plan.strategy
        # Drawn per recipient, never per donor: two recipients of one donor must not become twins.
        explore_rng = stream(plan.seed, "explore", member.id, member.interval)
        choice = choose(plan, self._patience, member, among, memories)
        if choice is None:
            return anew(plan, member)
        donor = choice.donor
        weights = donor if donor and "weights" in choice.copied else None
        parts = strategy.parts(choice.copied) if donor else []
        hyperparams = (donor if donor and "hyperparams" in choice.copied else member).hyperparams
        tried, aged = not choice.explores, strategy.selection.min_age > 0
        memories.copies(member, donor if weights or parts else None, tried=tried, aged=aged)
        if choice.explores:
            everybody = among.latest.measured
            told = context(plan, member, weights or member, choice.origin or donor, everybody, going)
            hyperparams, memories.explore = moved(
                strategy.explore, hyperparams, plan.space, explore_rng, told, memories.explore
            )
        if donor is not None and choice.rule == "rescue":
            hyperparams = safer(plan, member, donor.hyperparams, hyperparams)
        return replace(
            kept(member, choice.rule, _reason(member, donor, among, choice.compared_at) + choice.remark),
            donor=origin(donor) if donor else None,
            copied=choice.copied,
            operation=strategy.explore.name if choice.explores else "none",
            after=hyperparams,
            compared_at=choice.compared_at,
            **(state_of(weights) if weights else parts_of(donor, member, parts) if donor and parts else {}),
        )

    def _born(
        self,
        member: int,
        parent: Member | None,
        place: int,
        view: PopulationView,
        memories: Memories,
        going: Mapping[int, Hyperparams],
    ) -> Birth:
        """Return the birth of a member where the population grows: of a parent, explored, or of nobody, drawn anew."""
        rng = stream(self._plan.seed, "birth", member)
        if parent is None:
            return Birth(member, draw(self._plan.space, rng), "drawn", trained_steps=place, **self._plan.fresh)
        child = Member(member, parent.hyperparams, trained_steps=place)
        told = context(self._plan, child, parent, parent, view, going)
        rule = self._plan.strategy.explore
        hyperparams, memories.explore = moved(rule, parent.hyperparams, self._plan.space, rng, told, memories.explore)
        return Birth(
            member, hyperparams, f"of member {parent.id}, {rule.name}", trained_steps=place, **state_of(parent)
        )


def _farewell(member: Member, turn: Turn) -> str:
    return f"score {member.score:.5g}; of {turn.before} members {turn.after} go on"


def _welcome(turn: Turn) -> str:
    return f"of {turn.before} members {turn.after} go on"


def _reason(member: Member, donor: Member | None, among: Compared, age: int | None) -> str:
    view = among.latest.measured if age is None else among.peers.measured
    place = f"ranks {view.rank(member) + 1} of {len(view)} from below" if member.healthy else "diverged"
    place = place if age is None else f"{place} at age {age}"
    reason = f"score {member.score:.5g} {place}"
    if donor is None:
        return reason
    return f"{reason}; member {donor.id} has {donor.score:.5g}" + ("" if age is None else f" at age {donor.step}")

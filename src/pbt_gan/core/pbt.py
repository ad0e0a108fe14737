"""Population Based Training: at its ready point a member is kept, copies a better one, or is rescued; then explores."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.random import Generator

from pbt_gan.core.budget import member_steps
from pbt_gan.core.copying import anew, context, origin, parts_of, rescuer, state_of
from pbt_gan.core.phases import Arrived, Succession, Turn, next_turn, succession, turn_at
from pbt_gan.core.policy import Policy, kept
from pbt_gan.core.population import Hyperparams, Member, PopulationView
from pbt_gan.core.proving import donor_of, on_trial, proved
from pbt_gan.core.records import Birth, Decision, Exploit, Measure, Retire
from pbt_gan.core.rng import stream
from pbt_gan.core.selection import Seen
from pbt_gan.core.space import draw
from pbt_gan.core.strategy import COPIED, chosen, moved
from pbt_gan.errors import ConfigError

if TYPE_CHECKING:
    from pbt_gan.core.plan import Plan

_TOO_CLOSE = "too close to another one to decide"

_OWN = "pbt"
"""Marks a memory that is made up of several."""

_D = TypeVar("_D", Exploit, Birth)


class PopulationBasedTraining(Policy):
    """The paper's policy, with the exploit and explore rules of the plan's strategy, and the phases of its budget.

    Where the population shrinks or grows, that comes first; those who stay exploit and explore among themselves if they
    stand at a ready point as well. All of it goes by what the strategy's selection sees.

    Source: Jaderberg et al. 2017, arXiv:1711.09846, algorithm 1.

    Args:
        plan: of the run.
        patience: ready points without a better score anywhere, after which a member of the worse half starts again from
            the best checkpoint of the whole run, explored; None: nobody does.
    """

    def __init__(self, plan: "Plan", *, patience: int | None = None) -> None:
        if patience is not None and patience < 1:
            raise ConfigError(f"pbt.policy.patience = {patience}: give a number of ready points, such as 4.")
        self._plan = plan
        self._patience = patience

    def ready(self, member: Member, memory: Any) -> int:
        """Return the next multiple of the ready interval, or the next turn of the population if that comes first."""
        interval, place = self._plan.ready_interval, member.trained_steps
        return int(min((place // interval + 1) * interval, next_turn(self._plan.phases, place)))

    def decide(self, due: Sequence[Member], view: PopulationView, memory: Any) -> Sequence[Decision]:
        """Decide about each by the same view: of before all of these decisions, without those who leave."""
        memories, decisions, going = _Memories(memory, view), list[Decision](), dict[int, Hyperparams]()
        seen = self._seen(view)
        if doubtful := self._doubtful(due, seen, memories):
            return [Measure(member.id, member.interval, _TOO_CLOSE) for member in doubtful]
        ready, parents = list[Member](), list[tuple[Member | None, int]]()
        for place in sorted({member.trained_steps for member in due}):
            here = [member for member in due if member.trained_steps == place]
            turn = turn_at(self._plan.population_size, self._plan.phases, place)
            if turn is None:
                ready += here
                continue
            found = _succession(turn, here, seen, memories.arrived)
            memories.arrived = found.arrived
            decisions += [Retire(member.id, member.interval, _farewell(member, turn)) for member in found.leave]
            parents += [(parent, place) for parent in found.parents]
            if place % self._plan.ready_interval:
                decisions += [memories.noted(kept(member, reason=_welcome(turn))) for member in found.stay]
            else:
                ready += found.stay
        gone = {decision.member for decision in decisions if isinstance(decision, Retire)}
        if gone:
            view = view.only(set(view.members) - gone)
            seen = self._seen(view)
        for member in sorted(ready, key=lambda member: member.id):
            decision = self._decided(member, seen, memories, going)
            going[member.id] = decision.after
            decisions.append(memories.noted(decision))
        for number, (parent, place) in enumerate(parents):
            birth = self._born(view.next_id + number, parent or view.best, place, view, memories, going)
            going[birth.member] = birth.hyperparams
            decisions.append(memories.noted(birth))
        return decisions

    def _doubtful(self, due: Sequence[Member], seen: Seen, memories: "_Memories") -> list[Member]:
        """Return who is to be measured once more before anything is decided: those whose gap is too small.

        At a turn of the population these are all who are too close to somebody on the other side of the cut;
        elsewhere whoever would copy, and its donor if that is due as well, where the donor is not far enough ahead.
        What is left to doubt when each has been measured as often as may be is decided as ever.

        Source: racing, Maron and Moore 1994; among members of a population Heidrich-Meisner and Igel 2009, with bounds
        that hold for certain where these are standard errors.
        """
        selection = self._plan.strategy.selection
        if selection.repeats == 1:
            return []
        found = set[int]()
        for place in {member.trained_steps for member in due}:
            here = [member for member in due if member.trained_steps == place]
            turn = turn_at(self._plan.population_size, self._plan.phases, place)
            if turn is None:
                found |= self._too_close_to_copy(here, seen, memories)
            elif turn.after < turn.before:
                stay = {member.id for member in _succession(turn, here, seen, memories.arrived).stay}
                ranked = [seen.ranked.members[member.id] for member in here]
                above = [member for member in ranked if member.id in stay]
                below = [member for member in ranked if member.id not in stay]
                for one, other in product(above, below):
                    if seen.close(one, other, selection.min_gap):
                        found |= {one.id, other.id}
        return [member for member in due if member.id in found and member.measurements < selection.repeats]

    def _too_close_to_copy(self, here: Sequence[Member], seen: Seen, memories: "_Memories") -> set[int]:
        strategy, found = self._plan.strategy, set[int]()
        for member in here:
            if member.healthy and not self._waits(member, memories) and str(member.id) not in memories.trials:
                recipient = seen.ranked.members[member.id]
                rng = stream(self._plan.seed, "exploit", member.id, member.interval)  # that of the decision itself
                donor, _ = chosen(strategy.exploit, recipient, seen.ranked, rng, memories.exploit)
                if donor is not None and seen.close(donor, recipient, strategy.selection.min_gap):
                    found |= {donor.id, member.id}
        return found

    def archive(self, memory: Any) -> Collection[str]:
        """Return the checkpoints to which copies go back that do not prove themselves."""
        return [trial["checkpoint"] for trial in _Memories(memory).trials.values()]

    def _decided(self, member: Member, seen: Seen, memories: "_Memories", going: Mapping[int, Hyperparams]) -> Exploit:
        """Return the one decision about a member."""
        plan, strategy, view = self._plan, self._plan.strategy, seen.measured
        # Drawn per recipient, never per donor: two recipients of one donor must not become twins.
        explore_rng = stream(plan.seed, "explore", member.id, member.interval)
        choice = self._choice(member, seen, memories)
        if choice is None:
            return anew(plan, member)
        donor = choice.donor
        weights = donor if donor and "weights" in choice.copied else None
        parts = strategy.parts(choice.copied) if donor else []
        hyperparams = (donor if donor and "hyperparams" in choice.copied else member).hyperparams
        tried, aged = not choice.explores, strategy.selection.min_age > 0
        memories.copies(member, donor if weights or parts else None, tried=tried, aged=aged)
        if choice.explores:
            told = context(plan, member, weights or member, choice.origin or donor, view, going)
            hyperparams, memories.explore = moved(
                strategy.explore, hyperparams, plan.space, explore_rng, told, memories.explore
            )
        return replace(
            kept(member, choice.rule, _reason(member, donor, view) + choice.remark),
            donor=origin(donor) if donor else None,
            copied=choice.copied,
            operation=strategy.explore.name if choice.explores else "none",
            after=hyperparams,
            **(state_of(weights) if weights else parts_of(donor, member, parts) if donor and parts else {}),
        )

    def _choice(self, member: Member, seen: Seen, memories: "_Memories") -> "_Choice | None":
        """Return whom a member copies, if anybody, and whether it explores; None: it starts anew.

        A member that diverged is *rescued*, whatever the rule, unless exploit is none: it copies everything from a
        uniformly drawn member of the better half of the healthy ones; if there is none, from the best checkpoint of the
        whole run; if there never was one, it starts anew with drawn hyperparameters.
        """
        plan, strategy, view = self._plan, self._plan.strategy, seen.measured
        rng = stream(plan.seed, "exploit", member.id, member.interval)
        at_once = strategy.when == "copied"
        trial = memories.trials.get(str(member.id))
        if not member.healthy and strategy.exploit.name != "none":
            donor = rescuer(seen.ranked, rng)
            return _Choice("rescue", seen.original(donor), COPIED["all"], at_once) if donor else None
        if trial is not None and proved(member, donor_of(trial), seen):
            remark = f"; has held the {trial['scores'][-1]:.5g} of member {trial['member']}"
            return _Choice("proved", None, (), True, donor_of(trial), remark)
        if view.best is not None and self._stalls(member, seen, memories):
            return _Choice("restart", view.best, COPIED["all"], True)
        donor, remark = self._donor(member, seen, rng, memories)
        if donor is not None:
            return _Choice(strategy.exploit.name, donor, strategy.copies, at_once, remark=remark)
        if trial is not None:
            return _Choice("back", donor_of(trial), strategy.copies, True)
        return _Choice(strategy.exploit.name, None, (), strategy.who == "all", remark=remark)

    def _donor(self, member: Member, seen: Seen, rng: Generator, memories: "_Memories") -> tuple[Member | None, str]:
        """Ask the exploit rule, unless the selection lets nobody copy yet; return a donor far enough ahead.

        A rule whose donor is not far enough ahead remembers nothing of it. The second is a remark for a person.
        """
        rule, selection = self._plan.strategy.exploit, self._plan.strategy.selection
        if why := self._waits(member, memories):
            return None, why
        recipient = seen.ranked.members.get(member.id, member)
        donor, memory = chosen(rule, recipient, seen.ranked, rng, memories.exploit)
        if donor is not None and not seen.ahead(donor, recipient, selection.min_gap):
            return None, f"; member {donor.id} is not {selection.min_gap:g} standard errors ahead"
        memories.exploit = memory
        return (None if donor is None else seen.original(donor)), ""

    def _waits(self, member: Member, memories: "_Memories") -> str:
        """Return why a member may not copy yet; "": it may."""
        selection = self._plan.strategy.selection
        if self._spent(member.trained_steps) < selection.warmup:
            return "; the run warms up"
        if member.trained_steps - memories.copied.get(str(member.id), -selection.min_age) < selection.min_age:
            return "; has copied of late"
        return ""

    def _stalls(self, member: Member, seen: Seen, memories: "_Memories") -> bool:
        """Whether a member is one of the worse half, and nobody has got better for long; notes that it restarts."""
        recipient, best = seen.ranked.members.get(member.id, member), seen.measured.best
        if self._patience is None or best is None or seen.ranked.rank(recipient) >= len(seen.ranked) // 2:
            return False
        since = max(best.trained_steps, memories.restarts.get(str(member.id), 0))
        if member.trained_steps - since < self._patience * self._plan.ready_interval:
            return False
        memories.restarts = {**memories.restarts, str(member.id): member.trained_steps}
        return True

    def _spent(self, place: int) -> float:
        """Return the share of the budget that is spent when all stand at a place."""
        begun = [phase for phase in self._plan.phases if phase.begins < place]
        return member_steps(self._plan.population_size, begun, place) / self._plan.member_steps

    def _seen(self, view: PopulationView) -> Seen:
        plan = self._plan
        return plan.strategy.selection.seen(view, score_interval=plan.score_interval, total_steps=plan.total_steps)

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
        told = context(self._plan, child, parent, parent, view, going)
        rule = self._plan.strategy.explore
        hyperparams, memories.explore = moved(rule, parent.hyperparams, self._plan.space, rng, told, memories.explore)
        return Birth(
            member, hyperparams, f"of member {parent.id}, {rule.name}", trained_steps=place, **state_of(parent)
        )


@dataclass(frozen=True, slots=True)
class _Choice:
    """Whom a member copies, and whether it explores."""

    rule: str
    donor: Member | None
    copied: tuple[str, ...]
    explores: bool
    origin: Member | None = None  # of whom it has copied before, and what it explores from now
    remark: str = ""


class _Memories:
    """What the rules and the turns remember, each for itself, and all of it in the policy's memory.

    Args:
        memory: of the policy.
        view: of those whose doings are remembered; None: of all.
    """

    def __init__(self, memory: Any, view: PopulationView | None = None) -> None:
        self._noted = memory
        kept = isinstance(memory, Mapping) and memory.get("of") == _OWN
        # Whatever else it is, the exploit rule alone remembers.
        parts = memory if kept else {"exploit": memory}
        self.exploit: Any = parts.get("exploit")
        self.explore: Any = parts.get("explore")
        self.arrived: Arrived = parts.get("arrived", {})
        # Of each member, by its id:
        self.trials: Mapping[str, Any] = _living(parts.get("trials", {}), view)  # whom it has copied, unproved yet
        self.copied: Mapping[str, int] = _living(parts.get("copied", {}), view)  # where in the plan it has copied
        self.restarts: Mapping[str, int] = _living(parts.get("restarts", {}), view)  # and where it has started again

    def copies(self, member: Member, donor: Member | None, *, tried: bool, aged: bool) -> None:
        """Note that a member copies weights, or that it goes on with its own."""
        own = str(member.id)
        others = {key: trial for key, trial in self.trials.items() if key != own}
        self.trials = {**others, own: on_trial(donor)} if donor is not None and tried else others
        if donor is not None and aged:
            self.copied = {**self.copied, own: member.trained_steps}

    def noted(self, decision: _D) -> _D:
        """Return a decision with the memory that it leaves behind, if that is another one than before."""
        memory = self._plain()
        if memory == self._noted:
            return decision
        self._noted = memory
        return replace(decision, memory=memory)

    def _plain(self) -> Any:
        parts = {
            "explore": self.explore,
            "arrived": {place: list(went) for place, went in self.arrived.items()},
            "trials": self.trials,
            "copied": self.copied,
            "restarts": self.restarts,
        }
        others = {name: value for name, value in parts.items() if value}
        if not others and (self.exploit is not None or self._noted is None):
            return self.exploit
        return {"of": _OWN, "exploit": self.exploit, **others}


_V = TypeVar("_V")


def _living(of_members: Mapping[str, _V], view: PopulationView | None) -> Mapping[str, _V]:
    if view is None:
        return of_members
    return {member: value for member, value in of_members.items() if int(member) in view.members}


def _succession(turn: Turn, here: Sequence[Member], seen: Seen, arrived: Arrived) -> Succession:
    """Return who goes on by what the selection sees, each as it was measured."""
    own = {member.id: member for member in here}
    found = succession(turn, [seen.ranked.members.get(member.id, member) for member in here], arrived)
    return Succession(
        [own[member.id] for member in found.stay],
        [own[member.id] for member in found.leave],
        [member and own[member.id] for member in found.parents],
        found.arrived,
    )


def _farewell(member: Member, turn: Turn) -> str:
    return f"score {member.score:.5g}; of {turn.before} members {turn.after} go on"


def _welcome(turn: Turn) -> str:
    return f"of {turn.before} members {turn.after} go on"


def _reason(member: Member, donor: Member | None, view: PopulationView) -> str:
    place = f"ranks {view.rank(member) + 1} of {len(view)} from below" if member.healthy else "diverged"
    reason = f"score {member.score:.5g} {place}"
    return f"{reason}; member {donor.id} has {donor.score:.5g}" if donor else reason

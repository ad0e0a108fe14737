"""The population as data: members, the orders that they are given, and what a strategy sees of them."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from types import MappingProxyType

from pbt_gan.core.ordered import Ordered
from pbt_gan.core.roster import Roster

Value = float | int | str | bool
Hyperparams = Mapping[str, Value]
RankKey = tuple[bool, float, int]

Attempt = tuple[int, int, int, int]
"""Member, interval, repeat and attempt: of an order, and of the answer to it."""

Sources = Mapping[str, str]
"""Component → the checkpoint that it is taken from."""

WHOLE = "*"
"""In an order's sources: every component that is not named there. Components are keys of a state's outermost dict."""

START = "start"
"""The checkpoint that members begin with who have no state yet, in a run that starts from one made elsewhere."""

SCORES_KEPT = 32
"""How many of a member's last scores travel with its weights."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the population, as the controller sees it between two orders.

    `step` is the age of the weights and travels with them; `interval` and `trained_steps` belong to the
    member's slot and never go back, so checkpoint keys and random streams made from them name one content.
    `trained_steps` is a place in the plan: a slot that is born later begins where its parent stands.
    """

    id: int  # never reused; ids may have gaps
    hyperparams: Hyperparams
    interval: int = 0  # orders this slot has answered, each one score interval long
    step: int = 0  # age of the weights, in steps
    trained_steps: int = 0  # where the slot stands in the plan: those of its birth, and all that it has trained
    scores: tuple[float, ...] = ()  # of these weights, newest last; higher is better; not finite: diverged
    checkpoint: str | None = None  # where the state lies on which this slot's last score was measured; None: not yet
    sources: Sources = field(default_factory=dict)  # what its next order begins with; empty: a new state
    subpopulation: int = 0  # to which it belongs, for policies that keep several
    due: int = 0  # trained steps of the slot at which the policy decides about it next
    score_error: float | None = None  # standard error of the latest score, as the task estimates it; None: it does not
    measurements: int = 1  # of which the latest score is the mean
    falls: int = 0  # how often in a row this slot has diverged, with no healthy score of its own in between

    @property
    def score(self) -> float:
        """The latest score; nan before the first."""
        return self.scores[-1] if self.scores else math.nan

    @property
    def healthy(self) -> bool:
        """Whether the latest score is a finite number."""
        return math.isfinite(self.score)

    @property
    def diverged(self) -> bool:
        """Whether it would go on with the very state that was found to have diverged; such a state is not trained."""
        return bool(self.scores) and not self.healthy and self.sources == {WHOLE: self.checkpoint}


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one order did, for strategies that learn from all that was trained so far."""

    member: int
    interval: int
    begins: int  # place in the plan
    steps: int
    step: int  # age of the weights at the start
    hyperparams: Hyperparams  # that it trained with
    before: float  # score of the weights that it began with; nan: they had none
    after: float  # and of those that it made


@dataclass(frozen=True, slots=True)
class Order:
    """Train one member for some steps, then score it; or score once more the state that it was measured on."""

    member: int
    interval: int  # the interval this order trains, counted from 1
    attempt: int  # 1 for the first; a failed order is given again with the next number
    hyperparams: Hyperparams
    sources: Sources  # what it begins with; empty: initialise a new state
    checkpoint: str  # the key under which the trained state is kept
    step: int  # age of the weights at the start
    trained_steps: int  # of the slot, at the start
    steps: int  # to train
    replays: tuple[int, int] | None = None  # (member, interval) whose random numbers to use; None: its own
    deadline_s: float | None = None  # after which a worker that has not answered is lost; None: the executor decides
    repeat: int = 0  # 0: train; else no step: the n-th time that `checkpoint` is scored again

    @property
    def attempted(self) -> Attempt:
        """Which attempt of which order this is."""
        return (self.member, self.interval, self.repeat, self.attempt)

    @property
    def slot(self) -> tuple[int, int]:
        """Whose random streams initialise and train this order, as (member, interval)."""
        member, interval = self.replays or (self.member, self.interval)
        return member, interval


def rank_key(score: float, member: int) -> RankKey:
    """Return the total order by which members rank: worst first, nan and ±inf before all, ties by id."""
    finite = math.isfinite(score)
    return (finite, score if finite else 0.0, member)


@dataclass(frozen=True, slots=True)
class Peers:
    """Members whose slots have measured a score at one age of their weights, as they were then; and their order."""

    members: Roster[Member] = field(default_factory=Roster)
    keys: Ordered[RankKey] = field(default_factory=Ordered)  # worst first

    def joined(self, member: Member) -> "Peers":
        """Return them with one more, or with a newer measurement of one who is there."""
        keys = self.left(member.id).keys.added(rank_key(member.score, member.id))
        return Peers(self.members.changed(member.id, member), keys)

    def left(self, member: int) -> "Peers":
        """Return them without one, whether it was there or not."""
        if member not in self.members:
            return self
        return Peers(self.members.without(member), self.keys.without(rank_key(self.members[member].score, member)))


@dataclass(frozen=True)
class PopulationView:
    """What a strategy sees at a ready point: members as their own last scores found them, and their order, worst first.

    What a slot has taken over since, and not yet measured itself, does not show: were it ranked by its donor's score, a
    lineage would multiply before anybody has looked at its copies.
    """

    members: Mapping[int, Member]  # each with the state, step and hyperparameters that were measured
    keys: Ordered[RankKey] = field(default_factory=Ordered)  # of every evaluated member, worst first
    best: Member | None = None  # as it was at the best finite score of the whole run; it need not live
    current: Mapping[int, Member] = field(default_factory=dict)  # the living ones as they go on
    next_id: int = 0  # for the next birth
    sound: Mapping[int, Member] = field(default_factory=dict)  # of those that diverged: as they last were before
    past: Sequence[Stretch] = ()  # every order that was carried out, as the answers came; if the policy looks back
    peers: Mapping[int, Peers] = field(default_factory=dict)  # by age; empty: the plan does not compare by age

    @classmethod
    def of(cls, members: Sequence[Member]) -> "PopulationView":
        """Build the view of some members; those without a score are left out of the ranking."""
        keys = Ordered(rank_key(member.score, member.id) for member in members if member.scores)
        return cls(MappingProxyType({member.id: member for member in members}), keys)

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, position: int) -> Member:
        """Return the member at a place of the ranking; 0 is the worst."""
        return self.members[self.keys[position][2]]

    def rank(self, member: Member) -> int:
        """Return a member's place in the ranking; 0 is the worst."""
        return self.keys.rank(rank_key(member.score, member.id))

    def at_age(self, step: int) -> "PopulationView":
        """Return the view of those whose slots have measured a score at an age, as they were then.

        `current` are all who live, and the best of the run and all that was trained stay in sight.
        """
        peers = self.peers.get(step, Peers())
        return replace(self, members=peers.members, keys=peers.keys)

    def subpopulation(self, number: int) -> "PopulationView":
        """Return the view of those who belong to one sub-population; the best of the run stays in sight."""
        return self.only({member.id for member in self.members.values() if member.subpopulation == number})

    def only(self, ids: Collection[int]) -> "PopulationView":
        """Return the view of some members; the best of the run and all that was trained stay in sight."""
        own = PopulationView.of([self.members[member] for member in sorted(ids) if member in self.members])
        current = {member: self.current[member] for member in sorted(ids) if member in self.current}
        gone = self.members.keys() - own.members.keys()
        peers = {age: reduce(Peers.left, gone & found.members.keys(), found) for age, found in self.peers.items()}
        return replace(self, members=own.members, keys=own.keys, current=current, peers=peers)

    @cached_property
    def stretches(self) -> Sequence[Stretch]:
        """All that was trained so far, by place, member and interval: the same however fast the members were."""
        return tuple(sorted(self.past, key=lambda stretch: (stretch.begins, stretch.member, stretch.interval)))

    @property
    def healthy(self) -> int:
        """How many members have a finite score; they are the last ones of the ranking."""
        return len(self.keys) - self.keys.rank((True, -math.inf, -1))

    @cached_property
    def ranking(self) -> tuple[Member, ...]:
        """All evaluated members, worst first. O(P): on large populations prefer `at` and `rank`."""
        return tuple(self.members[key[2]] for key in self.keys)

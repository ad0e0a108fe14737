"""The controller: which member trains next, and what happens to each at its ready points.

Frozen state in, new state and plain records out. `tell` is `decide` followed by `apply`; a resumed run folds its
journaled records with `apply` and decides nothing again, so that old runs go on under new code.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Literal, TypeVar

from pbt_gan.core.decision import Strategy, decide_member
from pbt_gan.core.population import SCORES_KEPT, WHOLE, Hyperparams, Member, Order, PopulationView, RankKey, rank_key
from pbt_gan.core.records import Birth, Exploit, Failure, Record, Report
from pbt_gan.core.rng import stream
from pbt_gan.core.schedule import Schedule
from pbt_gan.core.space import Space, draw

Mode = Literal["sync", "async"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a population is to do. All lengths are in steps of one member."""

    space: Space
    population_size: int
    total_steps: int
    ready_interval: int  # a multiple of score_interval
    score_interval: int  # one order
    seed: int
    mode: Mode = "sync"
    strategy: Strategy = field(default_factory=Strategy)
    initial: Sequence[Hyperparams] = ()  # given to the first members; whatever is not named is drawn
    schedule: Schedule | None = None  # laid over what each member has by itself, by the age of its weights


@dataclass(frozen=True, slots=True)
class State:
    """Everything the controller knows. Each member is free, pending, waiting, or has trained all its steps."""

    members: Mapping[int, Member] = field(default_factory=dict)
    keys: tuple[RankKey, ...] = ()  # of every evaluated member, sorted, worst first
    free: tuple[tuple[int, int], ...] = ()  # (trained_steps, id), sorted: who may be given an order
    pending: Mapping[int, Order] = field(default_factory=dict)  # orders not answered yet, by member
    waiting: frozenset[int] = frozenset()  # at a ready point, not decided yet
    attempts: Mapping[int, int] = field(default_factory=dict)  # failed attempts of a member's current order
    reports: int = 0
    best: Member | None = None  # as it was at the best finite score of the whole run
    memory: Any = None  # of an exploit rule that remembers, as its last decision left it

    @property
    def view(self) -> PopulationView:
        """What a strategy sees."""
        return PopulationView(self.members, self.keys)


def checkpoint_key(member: int, interval: int) -> str:
    """Return the name of a state, such as `m03-i0012`; a slot's intervals never repeat, so it names one content."""
    return f"m{member:02d}-i{interval:04d}"


def needed(state: State) -> frozenset[str]:
    """Return every checkpoint that can still be reached: those of members and pending orders, and the best."""
    keys = {member.checkpoint for member in state.members.values()}
    keys |= {key for order in state.pending.values() for key in order.sources.values()}
    if state.best is not None:
        keys.add(state.best.checkpoint)
    return frozenset(key for key in keys if key is not None)


class Controller:
    """Steers a population by a plan. It holds no state of its own."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def start(self, state: State) -> tuple[State, list[Record]]:
        """Bring members into an empty population, or decide for those whom a longer plan sets going again."""
        records: list[Record] = list(self._due(state)) if state.members else list(self._births())
        return self.fold(records, state), records

    def done(self, state: State) -> bool:
        """Whether every member has trained all its steps."""
        return not state.pending and not state.free and not self._undecided(state)

    def ask(self, state: State, slots: int) -> tuple[State, list[Order]]:
        """Return orders for at most `slots` free members, least trained first."""
        chosen = state.free[: max(slots, 0)]
        orders = [self._order(state, member) for _, member in chosen]
        pending = {**state.pending, **{order.member: order for order in orders}}
        return replace(state, free=state.free[len(chosen) :], pending=pending), orders

    def tell(self, state: State, answer: Report | Failure) -> tuple[State, list[Record]]:
        """Take an answer in; no records for one that comes too late, of an order that was given anew since."""
        records = self.decide(state, answer)
        return self.fold(records, state), records

    def decide(self, state: State, answer: Report | Failure) -> list[Record]:
        """Return what an answer leads to: its own record, then one exploit record for each member now due."""
        order = state.pending.get(answer.member)
        if order is None or (order.interval, order.attempt) != (answer.interval, answer.attempt):
            return []
        if isinstance(answer, Failure):
            return [answer]
        reported = replace(answer, preview=None)  # pictures are for those who watch; a record is kept
        return [reported, *self._due(self.apply(state, reported))]

    def fold(self, records: Iterable[Record], state: State | None = None) -> State:
        """Apply records in turn."""
        return reduce(self.apply, records, state or State())

    def apply(self, state: State, record: Record) -> State:
        """Return the state after a record. Decides nothing."""
        match record:
            case Birth():
                born = Member(record.member, record.hyperparams)
                return self._freed(replace(state, members={**state.members, born.id: born}), born)
            case Report():
                return self._reported(state, record)
            case Exploit():
                return self._exploited(state, record)
            case Failure():
                return self._failed(state, record)

    def _births(self) -> Iterable[Birth]:
        for member in range(self.plan.population_size):
            drawn = draw(self.plan.space, stream(self.plan.seed, "birth", member))
            given = self.plan.initial[member] if member < len(self.plan.initial) else {}
            yield Birth(member, {**drawn, **given}, "given" if given else "drawn")

    def _order(self, state: State, member_id: int) -> Order:
        member = state.members[member_id]
        interval = member.interval + 1
        hyperparams, replays = member.hyperparams, None
        if self.plan.schedule is not None:
            hyperparams = self.plan.schedule.applied(hyperparams, self.plan.space, member.step)
            replays = self.plan.schedule.at(member.step).slot
        return Order(
            member=member.id,
            interval=interval,
            attempt=state.attempts.get(member.id, 0) + 1,
            hyperparams=hyperparams,
            sources={} if member.checkpoint is None else {WHOLE: member.checkpoint},
            checkpoint=checkpoint_key(member.id, interval),
            step=member.step,
            trained_steps=member.trained_steps,
            steps=min(self.plan.score_interval, self.plan.total_steps - member.trained_steps),
            replays=replays,
        )

    def _undecided(self, state: State) -> list[int]:
        """Return the waiting members that have steps left; a decision for the others would reach no training."""
        return sorted(m for m in state.waiting if state.members[m].trained_steps < self.plan.total_steps)

    def _due(self, state: State) -> Iterable[Exploit]:
        if not MODES[self.plan.mode](state):
            return
        view = state.view  # of before all of these decisions: members due together are judged alike
        memory = state.memory
        for member in self._undecided(state):
            decided = decide_member(
                state.members[member], view, state.best, self.plan.strategy, self.plan.space, self.plan.seed, memory
            )
            memory = decided.memory
            yield decided

    def _reported(self, state: State, record: Report) -> State:
        before = state.members[record.member]
        member = replace(
            before,
            interval=record.interval,
            step=record.step,
            trained_steps=record.trained_steps,
            scores=(*before.scores, record.score)[-SCORES_KEPT:],
            checkpoint=record.checkpoint,
        )
        state = replace(
            self._ranked(state, before, member),
            pending=_without(state.pending, member.id),
            attempts=_without(state.attempts, member.id),
            reports=state.reports + 1,
            best=_better(state.best, member),
        )
        if member.trained_steps % self.plan.ready_interval == 0:
            return replace(state, waiting=state.waiting | {member.id})
        return self._freed(state, member)

    def _exploited(self, state: State, record: Exploit) -> State:
        before = state.members[record.recipient]
        member = replace(
            before,
            hyperparams=record.after,
            step=record.step,
            scores=record.scores,
            checkpoint=record.checkpoint,
        )
        state = replace(self._ranked(state, before, member), waiting=state.waiting - {member.id}, memory=record.memory)
        return self._freed(state, member)

    def _failed(self, state: State, record: Failure) -> State:
        state = replace(
            state,
            pending=_without(state.pending, record.member),
            attempts={**state.attempts, record.member: record.attempt},
        )
        return self._freed(state, state.members[record.member])

    def _freed(self, state: State, member: Member) -> State:
        place = (member.trained_steps, member.id)
        if member.trained_steps >= self.plan.total_steps or place in state.free[bisect_left(state.free, place) :][:1]:
            return state
        free = list(state.free)
        insort(free, place)
        return replace(state, free=tuple(free))

    def _ranked(self, state: State, before: Member, after: Member) -> State:
        keys = list(state.keys)
        if before.scores:
            del keys[bisect_left(keys, rank_key(before.score, before.id))]
        if after.scores:
            insort(keys, rank_key(after.score, after.id))
        free = state.free
        place = (before.trained_steps, before.id)
        at = bisect_left(free, place)
        if free[at : at + 1] == (place,):  # so it is when journaled records are applied: no order was pending
            free = free[:at] + free[at + 1 :]
        return replace(state, members={**state.members, after.id: after}, keys=tuple(keys), free=free)


def _together(state: State) -> bool:
    """Synchronous PBT: all decide at once, when nobody is under way any more."""
    return not state.pending and not state.free


def _alone(state: State) -> bool:
    """Asynchronous PBT: each decides when it arrives, against the latest score of every evaluated member."""
    return bool(state.waiting)


MODES: Mapping[Mode, Callable[[State], bool]] = {"sync": _together, "async": _alone}


def _better(best: Member | None, member: Member) -> Member | None:
    """Return the better one; of equals the one with the smaller (interval, id), whichever answered first."""
    if not member.healthy:
        return best
    if best is None:
        return member
    return max(best, member, key=lambda m: (m.score, -m.interval, -m.id))


_T = TypeVar("_T")


def _without(mapping: Mapping[int, _T], key: int) -> Mapping[int, _T]:
    if key not in mapping:
        return mapping
    rest = dict(mapping)
    del rest[key]
    return rest

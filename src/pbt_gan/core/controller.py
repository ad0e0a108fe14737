"""The controller: which member trains next, and when the policy is asked about those at their ready points.

Frozen state in, new state and plain records out. Whatever changes a state is a record, applied; a resumed run folds its
journaled records with `apply` and decides nothing again, so that old runs go on under new code.
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from pbt_gan.core.bereft import bereft
from pbt_gan.core.modes import MODES, barrier
from pbt_gan.core.ordered import Ordered
from pbt_gan.core.plan import Plan
from pbt_gan.core.policy import checked
from pbt_gan.core.population import SCORES_KEPT, START, WHOLE, Member, Order, Stretch, rank_key
from pbt_gan.core.records import (
    Answer,
    Birth,
    Decision,
    Exploit,
    Failure,
    Measure,
    Measurement,
    Record,
    Report,
    Retire,
    mean_of,
)
from pbt_gan.core.rng import stream
from pbt_gan.core.roster import Roster
from pbt_gan.core.space import draw
from pbt_gan.core.state import State
from pbt_gan.core.strategy import journaled
from pbt_gan.errors import TaskError


def checkpoint_key(member: int, interval: int) -> str:
    """Return the name of a state, such as `m03-i0012`; a slot's intervals never repeat, so it names one content."""
    return f"m{member:02d}-i{interval:04d}"


def maker_of(checkpoint: str) -> tuple[int, int] | None:
    """Return the member and the interval that a checkpoint is named by; None: it is named otherwise.

    >>> maker_of(checkpoint_key(3, 12))
    (3, 12)
    """
    found = re.fullmatch(r"m(\d+)-i(\d+)", checkpoint)
    return (int(found[1]), int(found[2])) if found else None


class Controller:
    """Steers a population by a plan. It holds no state of its own."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.policy = plan.policy(plan)
        self._looks_back = getattr(self.policy, "looks_back", True)  # one of somebody's own need not say

    def start(self, state: State, there: Collection[str] | None = None) -> tuple[State, list[Record]]:
        """Bring members into an empty population, or decide for those whom a longer plan sets going again.

        Args:
            state: of the run so far.
            there: the checkpoints that it goes on with; whose state is not among them takes over another one. None: all
                that are needed.
        """
        if not state.members:
            births = list(self._births())
            return self.fold(births, state), [*births]
        lost = [] if there is None else bereft(self.plan, state, there)
        state, decisions = self._decided(self.fold(lost, state))
        return state, [*lost, *decisions]

    def done(self, state: State) -> bool:
        """Whether every member has trained all its steps."""
        return not (state.pending or state.free or state.measuring or state.waiting)

    def left(self, state: State) -> int:
        """Return how many members have steps left that nobody trains just now, whether they may train or not."""
        return len(state.dues) - sum(not order.repeat for order in state.pending.values())

    def ask(self, state: State, slots: int) -> tuple[State, list[Order]]:
        """Return orders for at most `slots` free members, least trained first.

        Raises:
            TaskError: the policy leaves members waiting for whom nothing will ever change.
        """
        slots = max(slots, 0)
        # First: others may wait for what they score.
        measured = [member for member in state.measuring if member not in state.pending][:slots]
        chosen = MODES[self.plan.mode].may_train(state, slots - len(measured))
        if slots > 0 and not (chosen or measured or state.pending) and state.waiting:
            members = ", ".join(map(str, state.waiting))
            raise TaskError(
                f"{type(self.policy).__name__} decides nothing about members {members}, which wait, and nobody trains "
                "whose report could change that."
            )
        orders = [self._measure_order(state, member) for member in measured]
        orders += [self._order(state, member) for _, member in chosen]
        pending = reduce(lambda pending, order: pending.changed(order.member, order), orders, state.pending)
        free = reduce(Ordered.without, chosen, state.free)
        return replace(state, free=free, pending=pending), orders

    def tell(self, state: State, answers: Sequence[Answer]) -> tuple[State, list[Record]]:
        """Take answers in, all that came together; return their records, then decisions about those who are now due.

        One that comes too late, of an order that was given anew since, has none.
        """
        # All are taken in before anything is decided. Told one by one, the first would be judged by what the others
        # scored long ago, and the order of the ids would decide.
        state, records = self._taken(state, answers)
        if not any(isinstance(record, Report | Measurement) for record in records):
            return state, records
        state, decisions = self._decided(state)
        return state, [*records, *decisions]

    def fold(self, records: Iterable[Record], state: State | None = None) -> State:
        """Apply records in turn."""
        return reduce(self.apply, records, state or State())

    def apply(self, state: State, record: Record) -> State:
        """Return the state after a record. Decides nothing."""
        match record:
            case Birth():
                return self._born(state, record)
            case Report():
                return self._reported(state, record)
            case Measurement():
                return self._measured_again(state, record)
            case Measure():
                return self._to_measure(state, record)
            case Exploit():
                return self._exploited(state, record)
            case Retire():
                return self._retired(state, record)
            case Failure():
                return self._failed(state, record)

    def needed(self, state: State) -> frozenset[str]:
        """Return every checkpoint that can still be reached.

        Those that members go on with, those that were measured and may be copied, the sources of pending orders, the
        best, what the policy has put aside, and what a run has started from: some may be born late.
        """
        keys = {key for member in state.members.values() for key in member.sources.values()}
        keys |= {member.checkpoint for member in state.measured.values() if member.checkpoint is not None}
        keys |= {member.checkpoint for member in state.sound.values() if member.checkpoint is not None}
        keys |= {key for order in state.pending.values() for key in order.sources.values()}
        if state.best is not None and state.best.checkpoint is not None:
            keys.add(state.best.checkpoint)
        if self.plan.start_step is not None:
            keys.add(START)
        return frozenset(keys | set(self.policy.archive(state.memory)))

    def having(self, state: State, keys: Collection[str]) -> State:
        """Return a state in which nobody counts as measured whose measured state is not among these checkpoints.

        Such a state could not be copied. Runs of format 1 kept none of members that had taken over another one, and
        files may be damaged. If the best one's is gone, the best is the best of those who are left.
        """
        for member in state.measured.values():
            if member.checkpoint not in keys:
                state = self._measured(state, None, member.id)
        gone = [own for own, each in state.sound.items() if each.checkpoint not in keys]
        best = state.best
        if best is not None and best.checkpoint not in keys:
            best = reduce(_better, state.measured.values(), None)
        return replace(state, sound=reduce(Roster.without, gone, state.sound), best=best)

    def _taken(self, state: State, answers: Sequence[Answer]) -> tuple[State, list[Record]]:
        records: list[Record] = []
        for answer in sorted(answers, key=lambda answer: answer.member):
            order = state.pending.get(answer.member)
            if order is None or order.attempted != answer.attempted:
                continue
            # Pictures are for those who watch; records are kept.
            records.append(replace(answer, preview=None) if isinstance(answer, Report) else answer)
            state = self.apply(state, records[-1])
        return state, records

    def _births(self) -> Iterable[Birth]:
        for member in range(self.plan.population_size):
            drawn = draw(self.plan.space, stream(self.plan.seed, "birth", member))
            given = self.plan.initial[member] if member < len(self.plan.initial) else {}
            origin = "given" if given else "drawn"
            yield Birth(member, {**drawn, **given}, origin, subpopulation=self.policy.home(member), **self.plan.fresh)

    def _order(self, state: State, member_id: int) -> Order:
        member = state.members[member_id]
        interval = member.interval + 1
        hyperparams, replays = member.hyperparams, None
        if self.plan.schedule is not None:
            since = member.step - self.plan.first_step
            hyperparams = self.plan.schedule.applied(hyperparams, self.plan.space, since)
            replays = self.plan.schedule.at(since).slot
        end = min(member.due, self.plan.total_steps)
        return Order(
            member=member.id,
            interval=interval,
            attempt=state.attempts.get(member.id, 0) + 1,
            hyperparams=hyperparams,
            sources=member.sources,
            checkpoint=checkpoint_key(member.id, interval),
            step=member.step,
            trained_steps=member.trained_steps,
            steps=min(self.plan.score_interval, end - member.trained_steps),
            replays=replays,
        )

    def _measure_order(self, state: State, member_id: int) -> Order:
        member = state.measured[member_id]
        assert member.checkpoint is not None  # it was measured, so it has one
        return Order(
            member=member.id,
            interval=member.interval,
            attempt=state.attempts.get(member.id, 0) + 1,
            hyperparams=member.hyperparams,
            sources={WHOLE: member.checkpoint},
            checkpoint=member.checkpoint,
            step=member.step,
            trained_steps=member.trained_steps,
            steps=0,
            repeat=member.measurements,
        )

    def _decided(self, state: State) -> tuple[State, list[Record]]:
        """Decide about all who are due, until nobody is.

        Who has diverged and is kept all the same trains nothing, and so is due again at once.
        """
        records = list[Record]()
        while decisions := self._due(state):
            records += decisions
            state = self.fold(decisions, state)
            if not any(isinstance(record, Exploit) and record.recipient in state.waiting for record in decisions):
                break
        return state, records

    def _due(self, state: State) -> Sequence[Record]:
        rhythm = MODES[self.plan.mode]
        if not rhythm.may_decide(state):
            return ()
        # Who has diverged on its way to where all meet has not trained on, and goes on from where the others stand.
        place = barrier(state) if rhythm.gathers else 0
        waiting = [state.members[member] for member in state.waiting]
        due = [replace(each, trained_steps=max(each.trained_steps, place)) for each in waiting]
        decisions = self.policy.decide(due, state.view, state.memory)
        name, places = type(self.policy).__name__, {each.id: each.trained_steps for each in due}
        return [
            replace(_placed(decision, state, places), memory=journaled(name, decision.memory))
            for decision in checked(self.policy, decisions, due, state.next_id)
        ]

    def _born(self, state: State, record: Birth) -> State:
        born = Member(
            record.member,
            record.hyperparams,
            step=record.step,
            trained_steps=record.trained_steps,
            scores=record.scores,
            sources=record.sources,
            subpopulation=record.subpopulation,
        )
        state = replace(state, next_id=max(state.next_id, born.id + 1), memory=_latest(state.memory, record.memory))
        return self._freed(state, self._until_due(born, state.memory))

    def _reported(self, state: State, record: Report) -> State:
        before = state.members[record.member]
        member = replace(
            before,
            interval=record.interval,
            step=record.step,
            trained_steps=record.trained_steps,
            scores=(*before.scores, record.score)[-SCORES_KEPT:],
            score_error=record.score_error,
            measurements=1,
            checkpoint=record.checkpoint,
            sources={WHOLE: record.checkpoint},
            falls=0 if math.isfinite(record.score) else before.falls + 1,
        )
        state = replace(
            self._measured(state, member),
            sound=_sound(state, member),
            free=state.free.without(_place(before)),  # there when journaled records are applied: no order was pending
            waiting=state.waiting.without(member.id),  # likewise, where an older version trained on who had diverged
            pending=state.pending.without(member.id),
            attempts=state.attempts.without(member.id),
            reports=state.reports + 1,
            past=state.past.added(_stretch(before, record)) if self._looks_back else state.past,
            best=_better(state.best, member),
        )
        if not member.diverged:
            return self._waiting(state, member) if member.trained_steps >= member.due else self._freed(state, member)
        # Where all wait for each other nothing is decided about who diverges after the last ready point.
        ended = MODES[self.plan.mode].gathers and member.due >= self.plan.total_steps
        return self._put(state, member) if ended else self._waiting(state, member)

    def _exploited(self, state: State, record: Exploit) -> State:
        member = replace(
            state.members[record.recipient],
            hyperparams=record.after,
            step=record.step,
            scores=record.scores,
            sources=record.sources,
        )
        if record.trained_steps is not None:
            member = replace(member, trained_steps=record.trained_steps)
        waiting, memory = state.waiting.without(member.id), _latest(state.memory, record.memory)
        state = replace(state, waiting=waiting, measuring=state.measuring.without(member.id), memory=memory)
        member = self._until_due(member, memory)
        if not member.diverged:
            return self._freed(state, member)
        # It is kept as it is, so there is nothing to train: it stands where it is decided about next, or at the end.
        return self._waiting(state, replace(member, trained_steps=min(member.due, self.plan.total_steps)))

    def _to_measure(self, state: State, record: Measure) -> State:
        return replace(
            state,
            waiting=state.waiting.without(record.member),
            measuring=state.measuring.added(record.member),
            memory=_latest(state.memory, record.memory),
        )

    def _measured_again(self, state: State, record: Measurement) -> State:
        """Put the mean of all measurements of a state in place of its score; the member is due again."""
        before = state.measured[record.member]
        score, error = mean_of(before.score, before.score_error, record)
        member = replace(before, scores=(*before.scores[:-1], score), score_error=error, measurements=record.repeat + 1)
        state = self._measured(state, member)
        # Where the best one's score was luck, somebody else who is still there may be better.
        best = None if state.best is not None and state.best.checkpoint == member.checkpoint else state.best
        rivals = [member] if best is not None else state.measured.values()
        state = replace(
            state,
            best=reduce(_better, rivals, best),
            measuring=state.measuring.without(member.id),
            pending=state.pending.without(member.id),
            attempts=state.attempts.without(member.id),
        )
        return self._waiting(state, member)

    def _retired(self, state: State, record: Retire) -> State:
        gone = state.members[record.member]
        return replace(
            self._measured(state, None, gone.id),
            sound=state.sound.without(gone.id),
            members=state.members.without(gone.id),
            dues=state.dues.without((gone.due, gone.id)),
            free=state.free.without(_place(gone)),
            waiting=state.waiting.without(gone.id),
            memory=_latest(state.memory, record.memory),
        )

    def _failed(self, state: State, record: Failure) -> State:
        state = replace(
            state,
            pending=state.pending.without(record.member),
            attempts=state.attempts.changed(record.member, record.attempt),
        )
        return state if record.member in state.measuring else self._freed(state, state.members[record.member])

    def _until_due(self, member: Member, memory: Any) -> Member:
        """Return a member that trains until the policy wants to decide about it again."""
        due = self.policy.ready(member, memory)
        if due <= member.trained_steps:
            raise TaskError(
                f"{type(self.policy).__name__}.ready returned {due} for a member that has trained "
                f"{member.trained_steps} steps; return a later one."
            )
        return replace(member, due=due)

    def _freed(self, state: State, member: Member) -> State:
        state = self._put(state, member)
        return replace(state, free=state.free.added(_place(member))) if self._has_steps_left(member) else state

    def _waiting(self, state: State, member: Member) -> State:
        """Let a member wait for a decision; none would reach any training of one that has trained all its steps."""
        state = self._put(state, member)
        return replace(state, waiting=state.waiting.added(member.id)) if self._has_steps_left(member) else state

    def _put(self, state: State, member: Member) -> State:
        """Put a member in the place of what it was."""
        before, dues = state.members.get(member.id), state.dues
        if before is not None:
            dues = dues.without((before.due, before.id))
        if self._has_steps_left(member):
            dues = dues.added((member.due, member.id))
        return replace(state, members=state.members.changed(member.id, member), dues=dues)

    def _has_steps_left(self, member: Member) -> bool:
        return member.trained_steps < self.plan.total_steps

    def _measured(self, state: State, member: Member | None, gone: int | None = None) -> State:
        """Put a member's own measurement in place of its last one, or take that away."""
        changed = gone if member is None else member.id
        assert changed is not None
        before, keys = state.measured.get(changed), state.keys
        if before is not None:
            keys = keys.without(rank_key(before.score, changed))
        by_age = self.plan.comparison == "fair"
        if member is None:
            ages = state.ages.without(changed) if by_age else state.ages
            return replace(state, measured=state.measured.without(changed), keys=keys, ages=ages)
        keys = keys.added(rank_key(member.score, changed))
        ages = state.ages.measured(member, lambda: _youngest(state)) if by_age else state.ages
        return replace(state, measured=state.measured.changed(changed, member), keys=keys, ages=ages)


def _placed(decision: Decision, state: State, places: Mapping[int, int]) -> Decision:
    """Return a decision that says where its member goes on, if that is not where it was measured."""
    if not isinstance(decision, Exploit):
        return decision
    own, place = decision.recipient, places[decision.recipient]
    measured = state.measured.get(own, state.members[own])
    return decision if place == measured.trained_steps else replace(decision, trained_steps=place)


def _sound(state: State, member: Member) -> Roster[Member]:
    """Return what is remembered of members that have diverged, after one has been measured."""
    if member.healthy:
        return state.sound.without(member.id)
    before = state.measured.get(member.id)
    return state.sound if before is None or not before.healthy else state.sound.changed(member.id, before)


def _stretch(before: Member, record: Report) -> Stretch:
    steps = record.step - before.step
    return Stretch(
        member=record.member,
        interval=record.interval,
        begins=record.trained_steps - steps,
        steps=steps,
        step=before.step,
        hyperparams=record.hyperparams,
        before=before.score,
        after=record.score,
    )


def _better(best: Member | None, member: Member) -> Member | None:
    """Return the better one; of equals the one with the smaller (interval, id), whichever answered first."""
    if not member.healthy:
        return best
    if best is None:
        return member
    return max(best, member, key=lambda m: (m.score, -m.interval, -m.id))


def _youngest(state: State) -> int:
    """Return the least age with which anybody goes on."""
    return min(member.step for member in state.members.values())


def _latest(memory: Any, newer: Any) -> Any:
    return memory if newer is None else newer


def _place(member: Member) -> tuple[int, int]:
    """Return where a member stands among those who are free."""
    return member.trained_steps, member.id

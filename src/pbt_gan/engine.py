"""The one loop: ask the controller, submit to the executor, tell the answers, journal what was decided."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from pbt_gan.core.controller import Controller
from pbt_gan.core.failures import fatal
from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure, Record, Report
from pbt_gan.core.safety import IN_A_ROW, hopeless
from pbt_gan.core.state import State
from pbt_gan.core.stopping import Rule, Stopping
from pbt_gan.errors import DivergedError, PbtGanError, StorageError, TaskError, one_line, place
from pbt_gan.interfaces import Executor, Images, Listener, RunContext, RunStore

log = logging.getLogger(__name__)

News = tuple[Record, Images | None]

_SHARE = 8
"""What looks through the whole population is done when so large a part of it has reported since it was done last: on
average a report then costs no more in a large population than in a small one."""

_POLL_S = 0.2  # how long a wish to stop may go unseen while no answer comes


@dataclass
class Stop:
    """A wish to end the run early: of a signal, a time limit, a goal that is reached, or a listener."""

    reason: str | None = None
    deadline_s: float | None = None  # of time.monotonic()
    rule: Rule | None = None  # of this program, beside the goals of the run's configuration
    standstill: Callable[[bool], None] | None = None  # to be told whether the run stands still, all its workers silent

    def wanted(self) -> str | None:
        """Return why the run should end now; None: go on."""
        if self.reason is None and self.deadline_s is not None and time.monotonic() >= self.deadline_s:
            self.reason = "time limit"
        return self.reason

    def ask(self, reason: str) -> None:
        """Wish for the run's end, unless somebody did before."""
        self.reason = self.reason or reason


class Audience:
    """The listeners. One that raises is dropped and named in the log; a picture never costs a run."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = list(listeners)

    def tell(self, news: Callable[[Listener], None]) -> None:
        """Give each listener the same news."""
        for listener in list(self._listeners):
            try:
                news(listener)
            except Exception as error:
                self._listeners.remove(listener)
                log.warning(
                    "%s failed and is switched off; the run goes on. %s, at %s",
                    *(type(listener).__name__, one_line(error), place(error)),
                    exc_info=True,
                )

    def record(self, news: Sequence[News]) -> None:
        """Pass records on, each with its preview."""
        for record, preview in news:
            self.tell(partial(_record, record, preview))


def _record(record: Record, preview: Images | None, listener: Listener) -> None:
    listener.record(record, preview)


def _in_a_rule(error: Exception) -> TaskError:
    log.error("A rule failed.", exc_info=error)
    told = TaskError(
        f"An exploit or explore rule raised {one_line(error)}. Mend it at {place(error)}, and resume the run; "
        "log.txt has the whole traceback."
    )
    told.__cause__ = error
    return told


class Engine:
    """Runs a population to the end of its plan or to a stop; either way, all that was decided is safe on return."""

    def __init__(
        self,
        controller: Controller,
        executor: Executor,
        store: RunStore | None = None,  # None: nothing outlives the process
        listeners: Sequence[Listener] = (),
        *,
        commit_every_s: float = 60.0,
        deadline_s: float | None = None,
        stop: Stop | None = None,
        stopping: Stopping | None = None,  # has followed the records so far; None: the run has no goals
    ) -> None:
        self._controller = controller
        self._executor = executor
        self._store = store
        self._audience = Audience(listeners)
        self._commit_every_s = commit_every_s
        self._deadline_s = deadline_s  # of each order; None: the executor decides
        self._stop = stop or Stop()
        self._stopping = stopping
        self._news: list[News] = []  # journaled, and not told to the audience yet
        self._fresh = True  # something was journaled since goals were looked at
        self._cut: frozenset[str] = frozenset()  # checkpoints of the commit under way
        self._committed = self._kept = 0  # reports by the last commit, and when states were last dropped
        self._last_commit_s = time.monotonic()

    def run(self, state: State, context: RunContext) -> State:
        """Run on from a state whose checkpoints the executor holds. Executor and store are closed on return.

        Raises:
            TaskError: the task or a rule raised, or the task trained with other hyperparameters than ordered. What was
                done is committed.
            WorkerError, OutOfMemoryError, StorageError: see `core.failures`. Likewise.
            StorageError: the journal or a checkpoint could not be written.
        """
        ending = "error"
        with ExitStack() as closing:  # in reverse; each is closed whatever the others do
            closing.callback(lambda: self._audience.tell(lambda listener: listener.close(ending)))
            if self._store is not None:
                store = self._store
                closing.callback(lambda: store.close(ending, self._executor.usage()))
            closing.callback(self._executor.close)
            told = replace(context, usage=self._executor.usage)
            self._audience.tell(lambda listener: listener.start(told))
            state, ending = self._finish(*self._loop(state))
        return state

    def _loop(self, state: State) -> tuple[State, str | Exception]:
        """Return the last state, and why it is the last."""
        state, records = self._controller.start(state)
        self._journal(records)
        while not self._controller.done(state):
            try:
                self._look()
                if reason := self._stop.wanted():
                    return state, reason
                state, orders = self._controller.ask(state, self._executor.free_slots())
                self._executor.submit([replace(order, deadline_s=self._deadline_s) for order in orders])
                self._executor.remain(self._controller.left(state))
                self._tell_news()  # only now: pictures are made while the workers train
                answers = self._executor.next_reports(_POLL_S)
                if self._stop.standstill is not None:
                    self._stop.standstill(self._executor.stuck())
                # One that ends the run takes nothing away from those that came with it: they are told and journaled.
                wrong = {answer.member: self._mismatch(answer, state.pending.get(answer.member)) for answer in answers}
                sound = [answer for answer in answers if wrong[answer.member] is None]
                state, records = self._controller.tell(state, sound)
                self._journal(records, sound)
                told = (*wrong.values(), *map(self._accept, sound), self._hopeless(state, records))
                ends = [error for error in told if error is not None]
                if ends:
                    return state, ends[0]
            except StorageError:
                raise
            except PbtGanError as error:
                return state, error
            except Exception as error:  # a rule of one's own
                return state, _in_a_rule(error)
            self._save(state)
        return state, "finished"

    def _finish(self, state: State, ending: str | Exception) -> tuple[State, str]:
        self._tell_news()
        self._commit(state, wait=True)
        if isinstance(ending, Exception):
            raise ending
        return state, ending

    def _mismatch(self, answer: Answer, order: Order | None) -> TaskError | None:
        """A hyperparameter that was changed and silently not applied is the commonest failure of PBT software."""
        if not isinstance(answer, Report) or order is None or answer.attempted != order.attempted:
            return None
        if dict(answer.hyperparams) == dict(order.hyperparams):
            return None
        return TaskError(
            f"Member {answer.member} was to train with {dict(order.hyperparams)}, but its last step used "
            f"{dict(answer.hyperparams)}. The task must apply every evolved hyperparameter and report what it used."
        )

    def _hopeless(self, state: State, records: Sequence[Record]) -> DivergedError | None:
        """Return what ends a run in which all members diverge again and again."""
        lost = [record for record in records if isinstance(record, Report) and not math.isfinite(record.score)]
        if not lost or not hopeless(state):
            return None
        last = lost[-1]
        return DivergedError(
            f"Every member has diverged {IN_A_ROW} times in a row, member {last.member} with {dict(last.hyperparams)}: "
            f"{last.diverged or f'the score is {last.score:g}'}. Let them begin where training is stable (space.NAME."
            'init), or say for what makes it unstable that safer = "down"; see what the losses did in metrics.csv.'
        )

    def _accept(self, answer: Answer) -> PbtGanError | None:
        """Tell the log of a failure; return what ends the run, if anything does."""
        if not isinstance(answer, Failure):
            return None
        log.error("Member %d, %s (%s): %s\n%s", answer.member, answer.worker, answer.kind, answer.error, answer.details)
        return fatal(answer)

    def _look(self) -> None:
        """Wish for the end if a goal is reached."""
        if self._fresh and self._stopping is not None:
            self._fresh = False
            if reason := self._stopping.reason():
                self._stop.ask(reason)

    def _journal(self, records: Sequence[Record], answers: Sequence[Answer] = ()) -> None:
        if self._store is not None and records:
            self._store.append(records)
        if self._stopping is not None and records:
            self._stopping.follow(records)
            self._fresh = True
        previews = {answer.checkpoint: answer.preview for answer in answers if isinstance(answer, Report)}
        self._news += [
            (record, previews.get(record.checkpoint) if isinstance(record, Report) else None) for record in records
        ]

    def _tell_news(self) -> None:
        news, self._news = self._news, []
        self._audience.record(news)

    def _save(self, state: State) -> None:
        if self._store is not None and not self._store.poll():  # one commit at a time
            self._cut = frozenset()
            due = time.monotonic() - self._last_commit_s >= self._commit_every_s
            if due and _is_worth_it(state, self._committed):
                self._commit(state, wait=False)
        if _is_worth_it(state, self._kept):
            under_way = {order.checkpoint for order in state.pending.values()}
            self._executor.keep(self._controller.needed(state) | self._cut | under_way)
            self._kept = state.reports

    def _commit(self, state: State, *, wait: bool) -> None:
        if self._store is None:
            return
        self._audience.tell(lambda listener: listener.flush())
        self._cut = self._controller.needed(state)
        self._store.commit(state.reports, {key: self._encoder(key) for key in sorted(self._cut)}, wait=wait)
        self._committed, self._last_commit_s = state.reports, time.monotonic()

    def _encoder(self, key: str) -> Callable[[], bytes | memoryview]:
        return lambda: self._executor.encoded(key)


def _is_worth_it(state: State, then: int) -> bool:
    """Whether enough was reported since there were so many reports."""
    return state.reports - then >= len(state.members) // _SHARE

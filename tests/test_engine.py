import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from pbt_gan.core.controller import Controller
from pbt_gan.core.exploit import EXPLOIT
from pbt_gan.core.explore import EXPLORE
from pbt_gan.core.pbt import PopulationBasedTraining
from pbt_gan.core.plan import Plan
from pbt_gan.core.records import Exploit, Failure, FailureKind, Report
from pbt_gan.core.state import State
from pbt_gan.core.strategy import Rule, Strategy
from pbt_gan.engine import Engine, Stop
from pbt_gan.errors import StorageError, TaskError, WorkerError
from pbt_gan.executors.simulated import Attempt, SimulatedExecutor
from pbt_gan.interfaces import RunContext
from pbt_gan.toy.quadratic import Quadratic

CONTEXT = RunContext(folder=None, config={}, cards={}, records=(), reals=None, total_orders=0)


def controller(**changes) -> Controller:
    task = Quadratic()
    plan = Plan(
        space=task.space,
        population_size=4,
        total_steps=40,
        ready_interval=10,
        score_interval=10,
        seed=0,
        strategy=Strategy(Rule("tournament", EXPLOIT["tournament"]), Rule("resample", EXPLORE["resample"])),
    )
    return Controller(replace(plan, **changes))


class Ear:
    """A listener that remembers, and can be told to fail."""

    def __init__(self, fails_at=None):
        self.heard = []
        self.previews = []
        self._fails_at = fails_at

    def _hear(self, what):
        if what == self._fails_at:
            raise ValueError("deaf")
        self.heard.append(what)

    def start(self, context):
        self._hear("start")

    def record(self, record, preview):
        self._hear(type(record).__name__)
        self.previews.append(preview)

    def flush(self):
        self._hear("flush")

    def close(self, ending):
        self._hear(f"close: {ending}")


class MemoryStore:
    """A store whose commits finish when the test says so."""

    def __init__(self, slow=False):
        self.records = []
        self.commits = []
        self.ending = None
        self.slow = slow
        self._under_way = None

    def append(self, records):
        self.records += records

    def commit(self, upto, encoded, *, wait):
        self.finish()
        self._under_way = (upto, encoded)
        if wait or not self.slow:
            self.finish()

    def finish(self):
        if self._under_way:
            upto, encoded = self._under_way
            self._under_way = None
            self.commits.append((upto, {key: bytes(make()) for key, make in encoded.items()}))

    def poll(self):
        return self._under_way is not None

    def close(self, ending, usage=None):
        self.ending = ending
        self.usage = usage


def test_a_run_journals_everything_and_ends_with_a_commit_of_all_that_is_needed():
    store, ear, steers = MemoryStore(), Ear(), controller()
    state = Engine(steers, SimulatedExecutor(Quadratic(), seed=0, slots=3), store, [ear]).run(State(), CONTEXT)
    assert steers.done(state)
    assert steers.fold(store.records) == state
    upto, checkpoints = store.commits[-1]
    assert upto == 16
    assert set(checkpoints) == controller().needed(state)
    assert store.ending == "finished"
    assert store.usage.busy_s == 4 * 40  # one a step
    assert ear.heard[0] == "start"
    assert ear.heard[-2:] == ["flush", "close: finished"]
    assert [name for name in ear.heard if name[0].isupper()] == [type(r).__name__ for r in store.records]


def test_unequal_speeds_and_lost_workers_change_no_record_of_a_synchronous_run():
    def trained(executor):
        store = MemoryStore()
        state = Engine(controller(), executor, store).run(State(), CONTEXT)
        decided = [r for r in store.records if isinstance(r, Report | Exploit)]
        return state, sorted(decided, key=lambda r: (r.interval, str(r)))

    def unequal(order, slot):
        return order.steps * (1 + 7 * slot + order.member % 3)

    calm = trained(SimulatedExecutor(Quadratic(), seed=0, slots=1))
    failures: Mapping[Attempt, FailureKind] = {(1, 1, 1): "worker", (1, 1, 2): "machine", (3, 4, 1): "deadline"}
    assert trained(SimulatedExecutor(Quadratic(), seed=0, slots=3, duration=unequal)) == calm
    assert trained(SimulatedExecutor(Quadratic(), seed=0, slots=4, duration=unequal, failures=failures)) == calm


def test_workers_that_come_and_go_change_no_record_and_the_loop_waits_while_there_is_none():
    calm = MemoryStore()
    Engine(controller(), SimulatedExecutor(Quadratic(), seed=0), calm).run(State(), CONTEXT)
    looks = []

    class Watched(SimulatedExecutor):
        def free_slots(self):
            looks.append(super().free_slots())
            return looks[-1]

    shifts = {0: [(1_000.0, 1_012.0), (2_000.0, math.inf)], 1: [(1_005.0, 1_500.0)]}
    store = MemoryStore()
    Engine(controller(), Watched(Quadratic(), seed=0, slots=2, shifts=shifts), store).run(State(), CONTEXT)
    assert {0, 1, 2} <= set(looks)
    assert len(looks) < 100
    lost = [record for record in store.records if isinstance(record, Failure)]
    assert {failure.kind for failure in lost} == {"machine"}
    decided = [[r for r in records if isinstance(r, Report | Exploit)] for records in (calm.records, store.records)]
    assert sorted(decided[0], key=str) == sorted(decided[1], key=str)


def test_an_order_that_never_ends_is_given_again_after_its_deadline_or_ends_the_run():
    def stuck(attempts):
        return lambda order, slot: math.inf if order.member == 2 and order.attempt <= attempts else order.steps

    store = MemoryStore()
    executor = SimulatedExecutor(Quadratic(), seed=0, slots=2, duration=stuck(2))
    Engine(controller(), executor, store, deadline_s=500.0).run(State(), CONTEXT)
    lost = [record for record in store.records if isinstance(record, Failure)]
    assert [(each.member, each.attempt, each.kind) for each in lost[:2]] == [(2, 1, "deadline"), (2, 2, "deadline")]
    assert "500 s" in lost[0].error
    executor = SimulatedExecutor(Quadratic(), seed=0, slots=2, duration=stuck(3))
    with pytest.raises(WorkerError, match=r"attempt 3 of 3. See what the task waits for, or resume with a longer"):
        Engine(controller(), executor, MemoryStore(), deadline_s=500.0).run(State(), CONTEXT)


def test_a_state_that_found_no_room_ends_the_run_after_what_was_done_is_safe():
    store = MemoryStore()
    executor = SimulatedExecutor(Quadratic(), seed=0, failures={(2, 3, 1): "storage"})
    with pytest.raises(StorageError, match=r"storage, by script\. Free some space and resume the run"):
        Engine(controller(), executor, store).run(State(), CONTEXT)
    assert store.commits[-1][0] == 10


def test_an_asynchronous_run_waits_for_nobody():
    def slow_slot(order, slot):
        return order.steps * (100 if slot == 0 else 1)

    executor = SimulatedExecutor(Quadratic(), seed=0, slots=4, duration=slow_slot)
    store = MemoryStore()
    Engine(controller(mode="async"), executor, store).run(State(), CONTEXT)
    reports = [r for r in store.records if isinstance(r, Report)]
    assert [r.member for r in reports[:9]].count(0) == 0
    assert len(reports) == 16


def test_a_listener_that_fails_is_dropped_and_named_and_the_run_goes_on(caplog):
    for moment in ("start", "Report", "flush", "close: finished"):
        broken, ear = Ear(moment), Ear()
        with caplog.at_level(logging.WARNING):
            Engine(controller(), SimulatedExecutor(Quadratic(), seed=0), MemoryStore(), [broken, ear]).run(
                State(), CONTEXT
            )
        assert moment not in broken.heard
        assert ear.heard[-1] == "close: finished"
        assert "Ear failed and is switched off" in caplog.text
        caplog.clear()


class Disobedient(Quadratic):
    """Uses another value than it was ordered to, from the second interval on."""

    def train(self, state, hyperparams, steps, streams):
        training = super().train(state, hyperparams, steps, streams)
        moved = state["theta"][0] < 0.9
        return replace(training, hyperparams={**hyperparams, "h0": hyperparams["h0"] + 1e-12}) if moved else training


def test_a_hyperparameter_that_was_not_applied_ends_the_run():
    store = MemoryStore()
    with pytest.raises(TaskError, match="was to train with"):
        Engine(controller(), SimulatedExecutor(Disobedient(), seed=0), store).run(State(), CONTEXT)
    assert store.commits[-1][0] == 4  # what was done before is safe
    assert store.ending == "error"


def test_one_that_ends_the_run_takes_nothing_away_from_those_that_came_with_it():
    class Slip(SimulatedExecutor):
        def next_reports(self, timeout_s):
            return [self.slipped(answer) for answer in super().next_reports(timeout_s)]

        def slipped(self, answer):
            if not isinstance(answer, Report) or (answer.member, answer.interval) != (1, 2):
                return answer
            return replace(answer, hyperparams={**answer.hyperparams, "h0": 7.0})

    store = MemoryStore()
    with pytest.raises(TaskError, match="Member 1 was to train with"):
        Engine(controller(), Slip(Quadratic(), seed=0, slots=4), store).run(State(), CONTEXT)
    last = [record.member for record in store.records if isinstance(record, Report) and record.interval == 2]
    assert last == [0, 2, 3]
    assert store.commits[-1][0] == 7


class Undecided(PopulationBasedTraining):
    """Never decides anything."""

    def decide(self, due, view, memory):
        return []


def test_a_policy_that_leaves_everybody_waiting_ends_the_run_and_what_was_done_is_safe():
    store = MemoryStore()
    with pytest.raises(TaskError, match="Undecided decides nothing about members 0, 1, 2, 3"):
        Engine(controller(policy=Undecided), SimulatedExecutor(Quadratic(), seed=0), store).run(State(), CONTEXT)
    assert store.commits[-1][0] == 4


def test_a_task_that_raises_ends_the_run_by_name_and_what_was_done_is_safe():
    store = MemoryStore()
    executor = SimulatedExecutor(Quadratic(), seed=0, failures={(2, 3, 1): "task"})
    with pytest.raises(TaskError, match=r"Member 2 in its interval 3 \(slot-0\): task, by script"):
        Engine(controller(), executor, store).run(State(), CONTEXT)
    assert isinstance(store.records[-1], Failure)
    assert store.commits[-1][0] == 10


def test_an_order_whose_workers_die_three_times_ends_the_run():
    failures: Mapping[Attempt, FailureKind] = {(2, 3, attempt): "worker" for attempt in (1, 2, 3)}
    store = MemoryStore()
    with pytest.raises(WorkerError, match="attempt 3 of 3"):
        Engine(controller(), SimulatedExecutor(Quadratic(), seed=0, failures=failures), store).run(State(), CONTEXT)
    assert store.commits[-1][0] == 10


def test_a_rule_of_ones_own_that_raises_ends_the_run_with_its_place_and_what_was_done_is_safe():
    def stumbles(recipient, view, rng):
        if recipient.interval == 2:
            raise KeyError("lost")

    steers = controller(strategy=Strategy(Rule("mine", stumbles), Rule("none", EXPLORE["none"])))
    store = MemoryStore()
    with pytest.raises(TaskError, match=r"rule raised KeyError: 'lost'. Mend it at .*test_engine.py, line \d+"):
        Engine(steers, SimulatedExecutor(Quadratic(), seed=0), store).run(State(), CONTEXT)
    assert store.commits[-1][0] == 7


def test_a_wish_to_stop_commits_and_a_later_run_goes_on_to_the_same_end():
    whole = MemoryStore()
    uncut = Engine(controller(), SimulatedExecutor(Quadratic(), seed=0), whole).run(State(), CONTEXT)

    stop = Stop()

    class Impatient(Ear):
        def record(self, record, preview):
            super().record(record, preview)
            if len(self.heard) == 12:
                stop.reason = "enough"

    store, ear = MemoryStore(), Impatient()
    state = Engine(controller(), SimulatedExecutor(Quadratic(), seed=0), store, [ear], stop=stop).run(State(), CONTEXT)
    assert store.ending == "enough"
    assert not controller().done(state)
    upto, checkpoints = store.commits[-1]
    assert upto == state.reports
    executor = SimulatedExecutor(Quadratic(), seed=0)
    for key in controller().needed(state):
        executor.restore(key, checkpoints[key])
    assert Engine(controller(), executor, MemoryStore()).run(controller().fold(store.records), CONTEXT) == uncut


def test_a_stop_keeps_no_record_from_the_listeners():
    stop, store, ear = Stop(), MemoryStore(), Ear()

    class StopsOnReport(SimulatedExecutor):
        def next_reports(self, timeout_s):
            answers = super().next_reports(timeout_s)
            stop.reason = "enough"
            return answers

    Engine(controller(), StopsOnReport(Quadratic(), seed=0), store, [ear], stop=stop).run(State(), CONTEXT)
    assert [name for name in ear.heard if name[0].isupper()] == [type(r).__name__ for r in store.records]
    assert ear.heard[-2:] == ["flush", "close: enough"]


def test_a_time_limit_is_a_wish_to_stop():
    stop = Stop(deadline_s=time.monotonic())
    store = MemoryStore()
    Engine(controller(), SimulatedExecutor(Quadratic(), seed=0), store, stop=stop).run(State(), CONTEXT)
    assert store.ending == "time limit"


def test_checkpoints_of_a_commit_under_way_are_kept_until_it_is_done():
    store = MemoryStore(slow=True)
    kept = []

    class Watched(SimulatedExecutor):
        def keep(self, checkpoints):
            kept.append(checkpoints)
            super().keep(checkpoints)

    Engine(controller(), Watched(Quadratic(), seed=0), store, commit_every_s=0.0).run(State(), CONTEXT)
    first = set(store.commits[0][1])
    assert first
    assert all(first <= keys for keys in kept)  # the first commit was never finished before the last one
    assert store.commits[-1][0] == 16


def test_nobody_looks_through_a_large_population_after_every_report_of_it():
    looks, held = [], []

    class Counting(SimulatedExecutor):
        def keep(self, checkpoints):
            held.append(len(vars(self._states)["_states"]))
            looks.append(checkpoints)
            super().keep(checkpoints)

    store, steers = MemoryStore(), controller(population_size=160, total_steps=100, mode="async")
    executor = Counting(Quadratic(), seed=0, slots=8, duration=lambda order, slot: order.steps + slot / 16)
    state = Engine(steers, executor, store, commit_every_s=0.0).run(State(), CONTEXT)
    assert len(looks) <= state.reports / 10
    assert max(held) <= 160 + 8 + 160 / 8 + 160  # of the members, under way, since the last look, of a commit
    assert 1 < len(store.commits) <= state.reports / 10 + 1
    assert set(store.commits[-1][1]) == steers.needed(state)


def test_a_store_that_cannot_write_ends_the_run_and_closes_everything():
    class Full(MemoryStore):
        def append(self, records):
            raise StorageError("full")

    executor, store, ear = SimulatedExecutor(Quadratic(), seed=0), Full(), Ear()
    with pytest.raises(StorageError):
        Engine(controller(), executor, store, [ear]).run(State(), CONTEXT)
    assert store.ending == "error"
    assert ear.heard[-1] == "close: error"


def test_previews_reach_listeners_with_their_report_only():
    class Pictured(Quadratic):
        def preview(self, state, rng):
            return rng.integers(0, 255, (2, 8, 8, 1)).astype("uint8")

    ear = Ear()
    Engine(controller(), SimulatedExecutor(Pictured(), seed=0), listeners=[ear]).run(State(), CONTEXT)
    for what, preview in zip([h for h in ear.heard if h[0].isupper()], ear.previews, strict=True):
        assert (preview is not None) == (what == "Report")


def test_workers_train_while_listeners_draw():
    started = threading.Event()

    class Told(SimulatedExecutor):
        def submit(self, orders):
            if orders:
                started.set()
            super().submit(orders)

    class Slow(Ear):
        def record(self, record, preview):
            assert started.is_set()
            super().record(record, preview)

    slow = Slow()
    Engine(controller(), Told(Quadratic(), seed=0), listeners=[slow]).run(State(), CONTEXT)
    assert slow.heard[-1] == "close: finished"


def test_reports_of_the_simulated_executor_are_reports():
    executor = SimulatedExecutor(Quadratic(), seed=0)
    steers = controller()
    state, _ = steers.start(State())
    _, orders = steers.ask(state, 1)
    executor.submit(orders)
    (answer,) = executor.next_reports(0)
    assert isinstance(answer, Report)
    assert answer.metrics["theta_0"] < 0.9

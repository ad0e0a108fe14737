"""What any executor must do. Needs pytest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from pbt_gan import codec
from pbt_gan.core.controller import Controller
from pbt_gan.core.plan import Comparison, Mode
from pbt_gan.core.population import WHOLE
from pbt_gan.core.records import Exploit, Failure, Measurement, Report
from pbt_gan.errors import PbtGanError, TaskError, WorkerError
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.interfaces import Executor, TaskReference
from pbt_gan.testing.walk import (
    FIRST,
    MISDEEDS,
    SECOND,
    SEED,
    TOTAL_STEPS,
    RandomWalk,
    answers,
    carried_out,
    collected,
    comparable,
    key,
    order,
    population,
    slots_of,
)

Start = Callable[..., Executor]


class ExecutorConformance(ABC):
    """What every executor must do. Subclass it as `Test…` and say how yours is made."""

    task: str = "pbt_gan.testing.walk:RandomWalk"
    """What is trained; `pbt_gan.testing.walk:GroupWalk` for an executor that trains groups."""

    @abstractmethod
    def make(self, task: TaskReference, *, seed: int, folder: Path, workers: int) -> Executor:
        """Return a new executor with this many slots, or as many as it can have."""

    @pytest.fixture
    def prepared(self, tmp_path: Path) -> Path:
        """Return the folder that the task has prepared."""
        (tmp_path / "tilt.txt").write_text("0.01")
        return tmp_path

    @pytest.fixture
    def start(self, prepared: Path) -> Iterator[Start]:
        """Return a function that starts an executor for one test."""
        with ExitStack() as stack:

            def start(workers: int = 2, **arguments: object) -> Executor:
                task = TaskReference(self.task, arguments, TOTAL_STEPS)
                executor = self.make(task, seed=SEED, folder=prepared, workers=workers)
                return stack.enter_context(closing(executor))

            yield start

    @pytest.fixture
    def reference(self, prepared: Path) -> Iterator[Executor]:
        """Return the serial executor, with which every other must agree."""
        task = RandomWalk()
        task.expect(TOTAL_STEPS)
        with closing(SerialExecutor(task, seed=SEED, folder=prepared)) as executor:
            yield executor

    @pytest.mark.parametrize("workers", [1, 2, 3])
    def test_reports_and_weights_equal_those_of_the_serial_executor(
        self, start: Start, reference: Executor, workers: int
    ) -> None:
        executor = start(workers)
        for orders in (FIRST, SECOND):
            expected = [comparable(answer) for answer in answers(reference, orders)]
            assert [comparable(answer) for answer in answers(executor, orders)] == expected
            for each in orders:
                assert bytes(executor.encoded(each.checkpoint)) == bytes(reference.encoded(each.checkpoint))

    def test_neither_the_order_of_submission_nor_the_attempt_changes_an_answer(
        self, start: Start, reference: Executor
    ) -> None:
        executor = start()
        answers(executor, FIRST[::-1])
        answers(reference, FIRST)
        again = [replace(each, attempt=2) for each in SECOND]
        for mine, expected in zip(answers(executor, again[::-1]), answers(reference, SECOND), strict=True):
            assert comparable(mine) == {**comparable(expected), "attempt": "2"}

    def test_a_state_never_changes_whoever_trains_on_from_it(self, start: Start) -> None:
        executor = start()
        answers(executor, FIRST)
        before = {each.checkpoint: bytes(executor.encoded(each.checkpoint)) for each in FIRST}
        answers(executor, SECOND)
        assert {name: bytes(executor.encoded(name)) for name in before} == before

    def test_a_state_is_measured_again_with_other_random_numbers_and_stays_what_it_is(
        self, start: Start, reference: Executor
    ) -> None:
        executor = start()
        found = []
        for each in (executor, reference):
            (first,) = answers(each, [order(2)])
            state = bytes(each.encoded(first_key := key(2, 1)))
            measured = [replace(order(2), sources={WHOLE: first_key}, steps=0, repeat=n) for n in (1, 2)]
            found.append([first, *answers(each, measured[:1]), *answers(each, measured[1:])])
            assert bytes(each.encoded(first_key)) == state
        mine, expected = found
        assert [*map(comparable, mine)] == [*map(comparable, expected)]
        assert all(isinstance(answer, Measurement) for answer in mine[1:]), mine
        assert len({answer.score for answer in mine if not isinstance(answer, Failure)}) == 3
        assert [answer.attempted for answer in mine] == [(2, 1, n, 1) for n in range(3)]

    def test_some_may_be_measured_again_while_others_train(self, start: Start, reference: Executor) -> None:
        mixed = [
            order(0, 2, source=key(0, 1)),
            *(replace(order(n), sources={WHOLE: key(n, 1)}, steps=0, repeat=1) for n in (1, 2)),
            replace(order(3), sources={WHOLE: key(3, 1)}, steps=0, repeat=2),
            order(4, 2, source=key(4, 1)),
        ]
        executor = start()
        answers(executor, FIRST)
        answers(reference, FIRST)
        for mine, expected in zip(answers(executor, mixed), answers(reference, mixed), strict=True):
            assert comparable(mine) == comparable(expected)

    def test_a_report_adds_its_steps_and_names_the_hyperparameters_in_force(self, start: Start) -> None:
        executor = start(1)
        answers(executor, [order(3)])
        given = replace(order(1, 2, source=key(3, 1)), step=12, trained_steps=100)
        (report,) = answers(executor, [given])
        assert isinstance(report, Report)
        assert (report.step, report.trained_steps, report.images) == (24, 112, 12)
        assert report.checkpoint == given.checkpoint
        assert report.hyperparams == given.hyperparams
        assert {type(value) for value in report.hyperparams.values()} == {float, str}
        assert codec.decode(bytes(executor.encoded(given.checkpoint)))["strides"] == [0.4, 0.2]
        assert report.cost_s >= 0
        assert report.worker

    @pytest.mark.parametrize("deed", sorted(MISDEEDS))
    def test_a_task_that_breaks_its_contract_fails_by_name_and_the_executor_goes_on(
        self, start: Start, deed: str
    ) -> None:
        executor = start()
        good, bad, _ = answers(executor, [order(0), order(1, deed=deed), order(2)])
        assert isinstance(good, Report)
        assert isinstance(bad, Failure)
        assert (bad.member, bad.interval, bad.attempt, bad.kind) == (1, 1, 1, "task")
        assert MISDEEDS[deed] in bad.error
        assert "\n" not in bad.error
        assert "Traceback" in bad.details
        assert bad.worker
        (again,) = answers(executor, [order(1, attempt=2)])
        assert isinstance(again, Report)

    def test_as_many_orders_are_under_way_as_there_were_slots(self, start: Start) -> None:
        executor = start()
        slots = slots_of(executor)
        executor.submit(FIRST[:slots])
        assert executor.free_slots() == 0
        executor.submit([])
        found = collected(executor, slots)
        assert [answer.member for answer in found] == [each.member for each in FIRST[:slots]]
        assert executor.free_slots() == slots

    def test_states_that_are_not_kept_are_dropped(self, start: Start) -> None:
        executor = start()
        answers(executor, FIRST)
        executor.keep(frozenset([key(0, 1), key(2, 1)]))
        answers(executor, [order(1, 2, source=key(0, 1))])
        assert len(executor.encoded(key(1, 2))) > 0
        for member in (1, 3, 4):
            with pytest.raises((LookupError, PbtGanError)):
                executor.encoded(key(member, 1))

    def test_states_of_orders_under_way_need_not_be_named_to_be_kept(self, start: Start) -> None:
        executor = start(1)
        answers(executor, FIRST)
        slots_of(executor)
        executor.submit([SECOND[0]])
        executor.keep(frozenset())
        (report,) = collected(executor, 1)
        assert isinstance(report, Report)
        assert len(executor.encoded(report.checkpoint)) > 0

    def test_a_restored_state_goes_on_as_if_nothing_had_been(self, start: Start) -> None:
        first = start()
        answers(first, FIRST)
        saved = {each.checkpoint: bytes(first.encoded(each.checkpoint)) for each in FIRST}
        expected = [comparable(answer) for answer in answers(first, SECOND)]
        first.close()
        second = start()
        for name, data in saved.items():
            second.restore(name, data)
        assert {name: bytes(second.encoded(name)) for name in saved} == saved
        assert [comparable(answer) for answer in answers(second, SECOND)] == expected

    def test_a_view_of_a_state_outlives_it(self, start: Start) -> None:
        executor = start(1)
        answers(executor, [order(0)])
        view = executor.encoded(key(0, 1))
        before = bytes(view)
        executor.keep(frozenset())
        executor.close()
        assert bytes(view) == before

    def test_it_may_be_closed_twice_and_in_the_middle(self, start: Start) -> None:
        executor = start()
        executor.submit(FIRST[: slots_of(executor)])
        executor.close()
        executor.close()

    def test_while_nothing_is_under_way_there_is_no_answer_and_nobody_is_hurried(self, start: Start) -> None:
        executor = start()
        executor.submit([])
        assert executor.next_reports(0.05) == []
        assert slots_of(executor) > 0

    def test_a_state_may_be_put_together_from_several_donors(self, start: Start, reference: Executor) -> None:
        executor = start()
        mixed = [
            replace(order(0, 2), sources={"point": key(0, 1), WHOLE: key(2, 1)}),
            replace(order(1, 2), sources={WHOLE: key(3, 1), "strides": key(4, 1)}),
            replace(order(2, 2), sources={"point": key(1, 1), "strides": key(4, 1), "deed": key(0, 1)}),
        ]
        for orders in (FIRST, mixed):
            expected = [comparable(answer) for answer in answers(reference, orders)]
            assert [comparable(answer) for answer in answers(executor, orders)] == expected
        for each in mixed:
            assert bytes(executor.encoded(each.checkpoint)) == bytes(reference.encoded(each.checkpoint))
        states = {member: codec.decode(bytes(executor.encoded(key(member, 2)))) for member in (0, 1)}
        assert states[0]["strides"] == [0.1 * 3, 0.1]  # the donor's, and then its own
        assert states[1]["strides"] == [0.1 * 5, 0.2]

    def test_all_donors_of_an_order_under_way_are_kept(self, start: Start) -> None:
        executor = start(1)
        answers(executor, FIRST)
        slots_of(executor)
        executor.submit([replace(order(0, 2), sources={"point": key(1, 1), WHOLE: key(2, 1)})])
        executor.keep(frozenset())
        (report,) = collected(executor, 1)
        assert isinstance(report, Report), report

    @pytest.mark.parametrize(("mode", "comparison"), [("sync", "latest"), ("async", "latest"), ("async", "fair")])
    def test_a_population_is_trained_as_the_serial_executor_would_have_trained_it(
        self, start: Start, reference: Executor, mode: Mode, comparison: Comparison
    ) -> None:
        """Who is fast decides, asynchronously, who is there to be copied, and nothing of what anybody becomes."""
        plan = population(mode, comparison)
        executor = start(3)
        records, orders = carried_out(plan, executor)
        assert executor.usage().busy_s > 0
        assert executor.usage().waiting_s >= 0
        reports = [record for record in records if isinstance(record, Report)]
        assert len(reports) == plan.member_steps // plan.score_interval
        exploits = [record for record in records if isinstance(record, Exploit)]
        assert all((exploit.compared_at is not None) == (comparison == "fair") for exploit in exploits)
        assert mode == "async" or any(exploit.donor is not None for exploit in exploits)
        for report, each in zip(reports, orders, strict=True):
            (expected,) = answers(reference, [each])
            assert isinstance(expected, Report), expected
            assert comparable(replace(report, preview=expected.preview)) == comparable(expected)
        whole = Controller(plan).fold(records)
        assert whole.reports == len(reports)
        assert {member.trained_steps for member in whole.members.values()} == {plan.total_steps}

    def test_a_deadline_that_is_kept_changes_nothing(self, start: Start, reference: Executor) -> None:
        hurried = [replace(each, deadline_s=3_600.0) for each in FIRST]
        expected = [comparable(answer) for answer in answers(reference, FIRST)]
        assert [comparable(answer) for answer in answers(start(), hurried)] == expected


class WorkersConformance(ExecutorConformance):
    """What an executor must do whose members train in other processes."""

    def test_a_dead_worker_is_named_and_its_order_can_be_given_again(self, start: Start, reference: Executor) -> None:
        executor = start()
        slots = executor.free_slots()
        good, dead = answers(executor, [order(0), order(1, deed="die")])
        assert isinstance(good, Report)
        assert isinstance(dead, Failure)
        assert (dead.member, dead.interval, dead.attempt, dead.kind) == (1, 1, 1, "worker")
        assert dead.worker
        assert dead.worker in dead.error
        assert "SIGKILL" in dead.error
        assert executor.free_slots() == slots
        (again,) = answers(executor, [order(1, attempt=2)])
        (expected,) = answers(reference, [order(1, attempt=2)])
        assert comparable(again) == comparable(expected)

    @pytest.mark.parametrize("deed", ["hang", "stop"])
    def test_a_worker_past_its_deadline_is_ended_and_its_order_can_be_given_again(
        self, start: Start, reference: Executor, deed: str
    ) -> None:
        executor = start()
        slots = slots_of(executor)
        good, late = answers(executor, [order(0), replace(order(1, deed=deed), deadline_s=0.2)])
        assert isinstance(late, Failure)
        assert (late.member, late.interval, late.attempt, late.kind) == (1, 1, 1, "deadline")
        assert late.worker in late.error
        assert "0.2 s" in late.error
        if isinstance(good, Failure):  # it was in one group with the other
            assert good.kind == "deadline"
        assert executor.free_slots() == slots
        (again,) = answers(executor, [order(1, attempt=2)])
        (expected,) = answers(reference, [order(1, attempt=2)])
        assert comparable(again) == comparable(expected)
        assert executor.next_reports(0.05) == [], "nothing more is heard of the first attempt"

    def test_every_worker_may_die_again_and_again(self, start: Start) -> None:
        executor = start()
        for attempt in range(1, 5):
            found = answers(executor, [order(member, attempt=attempt, deed="die") for member in range(3)])
            assert [(answer.member, answer.attempt) for answer in found] == [(n, attempt) for n in range(3)]
        assert all(isinstance(answer, Report) for answer in answers(executor, FIRST))

    def test_a_worker_that_dies_whenever_it_starts_ends_the_run(self, start: Start) -> None:
        executor = start(deed="die")
        with pytest.raises(WorkerError, match="SIGKILL"):
            collected(executor, 1)

    @pytest.mark.parametrize("deed", ["raise", "exit"])
    def test_a_task_that_cannot_be_built_ends_the_run_with_its_own_words(self, start: Start, deed: str) -> None:
        executor = start(deed=deed)
        with pytest.raises(TaskError, match=MISDEEDS[deed]):
            collected(executor, 1)

"""The crew on workers that are a script, by a clock that the test moves."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbt_gan.core.population import Order
from pbt_gan.core.records import Answer, Failure, Report
from pbt_gan.errors import TaskError, WorkerError
from pbt_gan.executors import crew as crews
from pbt_gan.executors import watch
from pbt_gan.executors.crew import Crew
from pbt_gan.executors.exchange import Kept, Memory
from pbt_gan.executors.workers import Alive, Answered, Event, Lost, Ready, Unbuilt
from pbt_gan.testing.walk import order


class Puppet:
    """A worker that has just the events that a test puts into it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.coming: list[Event] = []
        self.orders: list[Order] = []
        self.closed = False

    def train(self, orders: Sequence[Order], sources: Kept) -> None:
        self.orders = list(orders)

    def events(self) -> Sequence[Event]:
        coming, self.coming = self.coming, []
        return coming

    def close(self) -> None:
        self.closed = True


class Puppets(Crew):
    """A crew of them. Each wait moves the clock by a second; `hired` are all that there ever were."""

    def __init__(self, posts: int, group: int = 1, *, patient: bool = True) -> None:
        self.now_s = 0.0
        self.hired: list[Puppet] = []
        self.vacant = False
        super().__init__(Memory(), posts=posts, group=group, patient=patient, clock=lambda: self.now_s)
        self._fill()

    def _hire(self, number: int) -> Puppet | None:
        if self.vacant:
            return None
        self.hired.append(Puppet(f"worker-{number}"))
        return self.hired[-1]

    def _wait(self, timeout_s: float) -> None:
        self.now_s += 1.0

    def pass_s(self, seconds: float, *, alive: Sequence[Puppet] = ()) -> list[Answer]:
        """Let some time pass, in which these workers give a sign of life each second."""
        found: list[Answer] = []
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            for worker in alive:
                worker.coming.append(Alive())
            found += self.next_reports(0.0)
        return found


def ready(posts: int = 1, group: int = 1, *, patient: bool = True) -> tuple[Puppets, Sequence[Puppet]]:
    crew = Puppets(posts, group, patient=patient)
    for worker in crew.hired:
        worker.coming.append(Ready())
    crew.pass_s(1)
    return crew, list(crew.hired)


def answered(given: Order) -> Answered:
    return Answered(Report.of(given, score=0.0, hyperparams={}, worker="worker-0"))


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_silent_worker_is_named_once_with_what_it_is_at_and_again_when_it_answers(said):
    crew, (worker,) = ready()
    crew.submit([order(3, 12)])
    crew.pass_s(watch.SILENT_S - 1)
    assert said() == []
    crew.pass_s(40)
    (line,) = said()
    assert line.startswith("worker-0 has been silent for 10 s: member 3, interval 12. ")
    worker.coming.append(answered(order(3, 12)))
    (answer,) = crew.pass_s(1)
    assert isinstance(answer, Report)
    assert said()[1:] == ["worker-0 answers again, after 50 s."]
    crew.pass_s(watch.SILENT_S)
    assert len(said()) == 3, "a second silence is said again"


def test_a_worker_that_lives_is_never_called_silent(said):
    crew, workers = ready(3)
    crew.submit([order(0)])
    crew.pass_s(59, alive=workers)
    assert said() == []


def test_one_that_is_starting_has_more_time_before_it_is_called_silent(said):
    crew = Puppets(1)
    crew.pass_s(watch.STARTING_S - 1)
    assert said() == []
    crew.pass_s(2)
    (line,) = said()
    assert "silent for 60 s: it has nothing to do just now" in line


def test_a_silent_worker_is_given_no_orders_and_counts_as_no_slot():
    crew, (first, _) = ready(2)
    crew.pass_s(watch.SILENT_S + 1, alive=[first])
    assert crew.free_slots() == 1
    crew.submit([order(0)])
    assert [each.member for each in first.orders] == [0]


def test_a_run_stands_still_when_everybody_who_has_orders_is_silent():
    crew, (first, second) = ready(2)
    assert not crew.stuck()
    crew.submit([order(0), order(1)])
    crew.pass_s(watch.SILENT_S + 1, alive=[second])
    assert not crew.stuck()
    second.coming.append(answered(order(1)))
    crew.pass_s(1)
    assert crew.stuck()
    first.coming.append(Alive())
    crew.pass_s(1)
    assert not crew.stuck()


def test_a_worker_much_slower_than_any_before_is_named_once(said):
    crew, (first, second) = ready(2)
    for interval in range(1, 4):
        crew.submit([order(0, interval)])
        crew.pass_s(9, alive=[first, second])
        first.coming.append(answered(order(0, interval)))
        crew.pass_s(1)
    assert said() == []
    crew.submit([order(7, 4)])
    crew.pass_s(99, alive=[first, second])
    assert said() == []
    crew.pass_s(50, alive=[first, second])
    (line,) = said()
    assert line.startswith(
        "worker-0 has not answered for 100 s: member 7, interval 4; the longest until now took 10 s."
    )


def test_quick_orders_make_nobody_impatient_and_before_any_answer_nothing_is_long(said):
    crew, (worker,) = ready()
    crew.submit([order(0)])
    crew.pass_s(watch.UNKNOWN_S - 1, alive=[worker])
    assert said() == []
    crew.pass_s(1, alive=[worker])
    assert "nobody has answered yet" in said()[0]
    worker.coming.append(answered(order(0)))
    crew.pass_s(1)
    quick, (worker,) = ready()
    quick.submit([order(0)])
    worker.coming.append(answered(order(0)))
    quick.pass_s(1)
    quick.submit([order(0, 2)])
    quick.pass_s(watch.SLOW_S - 1, alive=[worker])
    assert len(said()) == 1
    quick.pass_s(1, alive=[worker])
    assert len(said()) == 2


@pytest.mark.parametrize("alive", [True, False])
def test_a_worker_past_its_deadline_is_ended_replaced_and_all_its_orders_fail(alive):
    crew, (worker,) = ready(group=2)
    crew.submit([replace(order(0), deadline_s=7.0), replace(order(1), deadline_s=5.0)])
    assert crew.pass_s(4, alive=[worker] if alive else []) == []
    failures = crew.pass_s(1)
    assert [(each.member, each.kind, each.error) for each in failures if isinstance(each, Failure)] == [
        (member, "deadline", "worker-0 has not answered in 5 s, its deadline") for member in (0, 1)
    ]
    assert worker.closed
    assert [each.name for each in crew.hired] == ["worker-0", "worker-0"]
    assert crew.free_slots() == 2


def test_a_deadline_runs_from_when_the_worker_is_ready():
    crew = Puppets(1)
    (worker,) = crew.hired
    crew.submit([replace(order(0), deadline_s=5.0)])
    assert crew.pass_s(20) == []
    worker.coming.append(Ready())
    assert crew.pass_s(5) == []
    assert len(crew.pass_s(1)) == 1


@pytest.mark.parametrize(("longest_s", "limit_s"), [(1, watch.PATIENCE_S), (59, 20 * 60)])
def test_whoever_takes_much_longer_than_any_before_has_hung_though_nobody_set_a_deadline(longest_s, limit_s, said):
    crew, workers = ready(2, patient=False)
    crew.submit([order(0)])
    crew.pass_s(longest_s, alive=workers)
    workers[0].coming.append(answered(order(0)))
    crew.pass_s(1, alive=workers)
    crew.submit([order(1)])
    workers[0].coming.append(Alive("task.py, line 9"))
    assert crew.pass_s(limit_s - 2, alive=workers[1:]) == []
    assert "member 1, interval 1, at task.py, line 9. " in said()[0]
    assert f"it will be ended and replaced after {limit_s:g} s." in said()[0]
    (failure,) = crew.pass_s(3, alive=workers[1:])
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.place) == ("deadline", "task.py, line 9")
    longest = longest_s + 1 if longest_s > 1 else 2
    assert failure.error == (
        f"worker-0 has not answered in {limit_s:g} s, and nobody took longer than {longest} s until now; "
        "it is at task.py, line 9"
    )
    assert workers[0].closed


@pytest.fixture
def short_day(monkeypatch):
    """Let what may take a day at first take a hundred seconds only."""
    monkeypatch.setattr(watch, "FIRST_S", 100.0)
    monkeypatch.setattr(crews, "FIRST_S", 100.0)


def test_before_anybody_has_answered_a_worker_has_hung_after_a_day(short_day):
    crew, workers = ready(patient=False)
    crew.submit([order(0)])
    assert crew.pass_s(99, alive=workers) == []
    (failure,) = crew.pass_s(2, alive=workers)
    assert isinstance(failure, Failure)
    assert failure.error == "worker-0 has not answered in 100 s, nor has anybody else"


def test_a_worker_that_never_gets_its_task_built_is_replaced_and_ends_the_run_at_the_third_time(short_day):
    crew = Puppets(1, patient=False)
    with pytest.raises(WorkerError, match="worker-0 has not built its task in 100 s, as the 2 before it did"):
        crew.pass_s(400)
    assert len(crew.hired) == 3


def test_a_silent_worker_with_nothing_to_do_is_replaced_at_no_cost(said):
    crew, (first, second) = ready(2, patient=False)
    assert crew.pass_s(watch.PATIENCE_S + 1, alive=[first]) == []
    assert (first.closed, second.closed) == (False, True)
    assert crew.free_slots() == 2
    assert said()[-1] == "worker-1 has been silent for 600 s; it is started anew."


def test_patience_has_no_end_if_that_was_asked_for_but_a_deadline_counts():
    crew, workers = ready(2)
    crew.submit([order(0), replace(order(1), deadline_s=5.0)])
    (failure,) = crew.pass_s(2 * watch.PATIENCE_S, alive=workers)
    assert failure.member == 1


def test_an_answer_in_time_is_taken_although_nobody_looked_for_long():
    crew, (worker,) = ready()
    crew.submit([replace(order(0), deadline_s=5.0)])
    worker.coming.append(answered(order(0)))
    crew.now_s += 1_000.0
    (answer,) = crew.next_reports(0.0)
    assert isinstance(answer, Report)


def test_no_worker_is_blamed_for_a_time_in_which_the_run_itself_was_held_up(said):
    crew, (worker,) = ready()
    crew.submit([replace(order(0), deadline_s=5.0)])
    crew.now_s += 1_000.0
    assert crew.next_reports(0.0) == []
    assert said() == []
    worker.coming.append(answered(order(0)))
    assert len(crew.next_reports(0.0)) == 1


def test_an_order_that_is_given_after_a_long_pause_has_its_whole_time_and_no_more():
    crew, (worker,) = ready()
    crew.now_s += 1_000.0
    crew.submit([replace(order(0), deadline_s=5.0)])
    assert crew.pass_s(4, alive=[worker]) == []
    assert len(crew.pass_s(1, alive=[worker])) == 1


def test_an_answer_of_an_attempt_that_was_given_up_is_dropped():
    crew, (worker,) = ready()
    crew.submit([order(0, attempt=2)])
    worker.coming += [answered(order(0, attempt=1)), answered(order(0, 2, attempt=2)), answered(order(5))]
    assert crew.next_reports(0.0) == []
    assert crew.free_slots() == 0
    worker.coming.append(answered(order(0, attempt=2)))
    (answer,) = crew.next_reports(0.0)
    assert answer.attempt == 2


@pytest.mark.parametrize("kind", ["worker", "machine", "protocol"])
def test_the_orders_of_a_lost_worker_fail_with_the_reason_and_its_kind(kind, said):
    crew, (worker, _) = ready(2, group=2)
    crew.submit([order(member) for member in range(4)])
    worker.coming.append(Lost("fell asleep", kind))
    failures = crew.next_reports(0.0)
    assert [(each.member, each.worker) for each in failures] == [(0, "worker-0"), (1, "worker-0")]
    assert all(isinstance(each, Failure) and each.error == "worker-0 fell asleep" for each in failures)
    assert {each.kind for each in failures if isinstance(each, Failure)} == {kind}
    assert said() == ["worker-0 fell asleep; it is started anew."]
    assert worker.closed


def test_three_deaths_in_a_row_before_a_worker_is_ready_end_the_run_and_fewer_do_not():
    crew = Puppets(1)
    for deaths in (2, 2):
        for _ in range(deaths):
            crew.hired[-1].coming.append(Lost("died"))
            crew.next_reports(0.0)
        crew.hired[-1].coming.append(Ready())
        crew.next_reports(0.0)
        crew.hired[-1].coming.append(Lost("died at work"))
        crew.next_reports(0.0)
    for _ in range(2):
        crew.hired[-1].coming.append(Lost("died"))
        crew.next_reports(0.0)
    crew.hired[-1].coming.append(Lost("died"))
    with pytest.raises(WorkerError, match="worker-0 died, as the 2 before it did, while it was starting"):
        crew.next_reports(0.0)


def test_a_task_that_cannot_be_built_ends_the_run():
    crew = Puppets(1)
    crew.hired[0].coming.append(Unbuilt(TaskError("no such thing")))
    with pytest.raises(TaskError, match="no such thing"):
        crew.next_reports(0.0)


def test_a_post_without_anybody_is_no_slot_until_somebody_is_to_be_had():
    crew, (worker,) = ready()
    crew.vacant = True
    worker.coming.append(Lost("went home", "machine"))
    assert crew.pass_s(10) == []
    assert crew.free_slots() == 0
    crew.vacant = False
    crew.pass_s(1)
    assert crew.free_slots() == 1


Moves = st.lists(
    st.tuples(st.sampled_from(["submit", "answer", "lose", "stray", "wait"]), st.integers(0, 3)), max_size=60
)


@settings(deadline=None)
@given(Moves, st.integers(1, 3), st.integers(1, 3))
def test_each_order_has_exactly_one_answer_whatever_happens(
    moves: list[tuple[str, int]], posts: int, group: int
) -> None:
    crew, _ = ready(posts, group)
    attempts = dict.fromkeys(range(4), 0)
    asked: list[tuple[int, int]] = []
    found: list[tuple[int, int]] = []
    for what, number in moves:
        busy = [worker for worker in crew.hired if worker.orders and not worker.closed]
        match what:
            case "submit":
                idle = [member for member, attempt in attempts.items() if not attempt or (member, attempt) in found]
                orders = []
                for member in idle[: min(crew.free_slots(), number)]:
                    attempts[member] += 1
                    orders.append(order(member, attempt=attempts[member]))
                asked += [(each.member, each.attempt) for each in orders]
                crew.submit(orders)
            case "answer" if busy:
                worker = busy[number % len(busy)]
                worker.coming.append(answered(worker.orders.pop()))
            case "lose" if busy:
                busy[number % len(busy)].coming.append(Lost("fell"))
            case "stray" if busy:
                busy[number % len(busy)].coming.append(answered(order(number, attempt=99)))
        found += [(answer.member, answer.attempt) for answer in crew.next_reports(0.0)]
        for worker in crew.hired:
            if not worker.closed:
                worker.coming.append(Ready())
        assert 0 <= crew.free_slots() <= posts * group
    for worker in crew.hired:
        if not worker.closed:
            worker.coming.append(Lost("the end"))
    found += [(answer.member, answer.attempt) for answer in crew.next_reports(0.0)]
    assert sorted(found) == sorted(asked)

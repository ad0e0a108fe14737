import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbt_gan.core.population import Order
from pbt_gan.core.records import Failure, Report
from pbt_gan.errors import ConfigError, WorkerError
from pbt_gan.executors import crew, processes, watch
from pbt_gan.executors import process as process_module
from pbt_gan.executors.allowance import can_be_watched, total_bytes
from pbt_gan.executors.processes import ProcessesExecutor
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.interfaces import TaskReference
from pbt_gan.testing.walk import FIRST, PATIENCE_S, answers, collected, order

ODD = Path(__file__).with_name("odd_tasks.py")
WALK = TaskReference("pbt_gan.testing.walk:RandomWalk")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Keep the states of these tests apart, to see that nothing is left."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(processes, "places", lambda: [folder])
    yield folder
    assert list(folder.iterdir()) == []


def start(task: TaskReference = WALK, workers: int = 2, **limits: Any) -> closing[ProcessesExecutor]:
    return closing(ProcessesExecutor(task, seed=0, workers=workers, **limits))


def odd(name: str, **arguments: str) -> TaskReference:
    return TaskReference(f"{ODD}:{name}", arguments)


def process(post: Any) -> subprocess.Popen[bytes]:
    """Return the process of the worker at a post."""
    found: subprocess.Popen[bytes] = post.worker.process
    return found


def plain(member: int) -> Order:
    return replace(order(member), hyperparams={}, steps=3)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def wait_until(condition: Callable[[], object]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, "waited in vain"
        time.sleep(0.01)


@pytest.mark.slow
def test_workers_killed_at_any_moment_cost_their_orders_and_nothing_else():
    rng = np.random.default_rng(0)
    fresh = itertools.count()
    kills = 0
    lost: list[int] = []
    attempts: dict[int, int] = {}  # of members that are lost or under way
    done: list[str] = []
    until_s = time.monotonic() + PATIENCE_S
    with start() as executor:
        while kills < 15 or attempts:
            assert time.monotonic() < until_s
            for _ in range(executor.free_slots()):
                if lost or kills < 15:
                    member = lost.pop() if lost else next(fresh)
                    attempts[member] = attempts.get(member, 0) + 1
                    executor.submit([order(member, attempt=attempts[member])])
            victim = executor._posts[rng.integers(2)]
            if kills < 15 and victim.ready:  # one that is killed while it starts is counted, and ends the run
                time.sleep(rng.uniform(0, 0.005))
                process(victim).kill()
                kills += 1
            for answer in executor.next_reports(0.05):
                if isinstance(answer, Report):
                    assert answer.attempt == attempts.pop(answer.member), "each attempt has one answer"
                    done.append(answer.checkpoint)
                else:
                    assert isinstance(answer, Failure)
                    assert answer.kind == "worker", answer.details
                    assert answer.attempt == attempts[answer.member]
                    lost.append(answer.member)
        assert done == list(dict.fromkeys(done))
        executor.keep(frozenset(done))
        assert all(len(executor.encoded(checkpoint)) > 0 for checkpoint in done)


def test_a_worker_is_missed_even_if_something_holds_its_connection_open(tmp_path, place):
    with start(odd("Parent", folder=str(tmp_path)), workers=1) as executor:
        executor.submit([plain(0)])
        (answer,) = collected(executor, 1)
        assert isinstance(answer, Failure)
        assert "SIGKILL" in answer.error
    (child,) = (int(path.name) for path in tmp_path.iterdir() if path != place)
    assert not gone(child)
    os.kill(child, signal.SIGKILL)


@pytest.fixture
def hurried(monkeypatch):
    """Let workers show more often that they live, and be missed sooner."""
    monkeypatch.setattr(processes, "_BEAT_S", 0.05)
    monkeypatch.setattr(process_module, "_QUIET_S", 0.1)
    monkeypatch.setattr(watch, "SILENT_S", 0.5)


@pytest.mark.slow
def test_a_stopped_worker_is_named_and_goes_on_when_it_is_woken(hurried, caplog):
    with start(workers=1) as executor:
        answers(executor, FIRST[:1])
        (post,) = executor._posts
        process(post).send_signal(signal.SIGSTOP)
        executor.submit(FIRST[1:2])
        wait_until(lambda: executor.next_reports(0.05) or caplog.records)
        assert re.match(r"worker-0 has been silent for [01] s: member 1, interval 1\. ", caplog.messages[0])
        process(post).send_signal(signal.SIGCONT)
        (answer,) = collected(executor, 1)
        assert isinstance(answer, Report)
        assert re.match(r"worker-0 answers again, after \d+ s\.", caplog.messages[1])


@pytest.mark.slow
def test_a_worker_in_a_long_call_is_not_called_silent_though_its_heart_cannot_beat(hurried, caplog):
    with start(odd("Busy"), workers=1) as executor:
        (answer,) = answers(executor, [plain(0)])
    assert isinstance(answer, Report)
    assert caplog.messages == []


@pytest.mark.slow
@pytest.mark.parametrize("text", ["a line of the task's own, not a message\n", "\0" * 15 + "\2" + "\0" * 8 + "no"])
def test_what_strays_into_a_workers_connection_is_a_failure_of_its_own_kind(text):
    with start(odd("Scribbler", text=text), workers=1) as executor:
        executor.submit([plain(0)])
        (answer,) = collected(executor, 1)
        assert isinstance(answer, Failure)
        assert answer.kind == "protocol"
        assert "worker-0 sent what is no message of a worker" in answer.error
        assert executor.free_slots() == 1


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        ("task", "task", "KeyError: 'lost'"),
        ("memory", "memory", "Unable to allocate"),
        ("limit", "memory", "MemoryError"),
        ("sys.exit", "task", "SystemExit: 3"),
        ("os._exit", "worker", "worker-0 ended with exit code 3"),
        ("storage", "storage", "No space left on device"),
        pytest.param("torch's memory", "memory", "allocate", marks=pytest.mark.slow),
    ],
)
def test_a_failure_says_whether_task_memory_or_disk_is_to_blame(error, kind, said):
    with start(odd("Failing", error=error), workers=1) as executor:
        (answer,) = answers(executor, [plain(0)])
    assert isinstance(answer, Failure)
    assert answer.kind == kind, answer.details
    assert said in answer.error
    assert ("odd_tasks.py, line " in answer.place) == (kind == "task")


@pytest.mark.slow
@pytest.mark.skipif(not can_be_watched(), reason="this system does not tell how much memory a process has")
@pytest.mark.parametrize("where", ["here", "in a child"])
def test_a_worker_that_takes_too_much_memory_is_ended_and_its_order_can_be_given_again(tmp_path, where):
    fraction = 250e6 / total_bytes()
    with start(odd("Leaker", folder=str(tmp_path), where=where), workers=1, memory_fraction=fraction) as executor:
        (answer,) = answers(executor, [plain(0)])
        assert isinstance(answer, Failure)
        assert answer.kind == "memory"
        assert re.match(r"worker-0 takes 0\.\d+ GB of memory, and may take 0\.25 GB \(", answer.error)
        (answer,) = answers(executor, [replace(plain(0), attempt=2)])
        assert isinstance(answer, Report)


def test_workers_are_as_nice_as_they_were_asked_to_be_and_the_run_is_not():
    before = os.nice(0)
    with start(odd("Polite"), workers=1, nice=3) as executor:
        (answer,) = answers(executor, [plain(0)])
    assert isinstance(answer, Report), answer
    nice = min(before + 3, 19)
    assert answer.metrics == {"nice": nice, "thread": nice}
    assert os.nice(0) == before


def test_several_workers_share_a_gpu(monkeypatch):
    devices = []

    class Stub:
        ready = False

        def __init__(self, name, start, *arguments):
            devices.append(start["devices"])

        def close(self):
            pass

    monkeypatch.setattr(processes, "WorkerProcess", Stub)
    with closing(ProcessesExecutor(WALK, seed=0, workers=4, devices=["cuda:0"])):
        assert devices == [["cuda:0"]] * 4


@pytest.mark.slow
def test_a_worker_that_has_hung_is_ended_with_the_line_at_which_it_hangs(tmp_path, hurried, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE_S", 3.0)
    with start(odd("Forgetful", folder=str(tmp_path))) as executor:
        orders = [plain(0), plain(1)]
        late, good = sorted(answers(executor, orders), key=lambda answer: isinstance(answer, Report))
        assert isinstance(good, Report)
        assert isinstance(late, Failure)
        assert late.kind == "deadline", late
        assert re.search(
            r"has not answered in \S+ s, and nobody took longer than \S+ s until now; it is at ", late.error
        )
        assert re.fullmatch(r".*odd_tasks\.py, line \d+", late.place)
        (again,) = answers(executor, [replace(orders[late.member], attempt=2)])
        assert isinstance(again, Report)


@pytest.mark.slow
def test_an_idle_worker_that_is_stopped_is_replaced(hurried, monkeypatch):
    monkeypatch.setattr(crew, "PATIENCE_S", 1.0)
    with start(workers=1) as executor:
        answers(executor, FIRST[:1])
        stopped = process(executor._posts[0])
        stopped.send_signal(signal.SIGSTOP)
        wait_until(lambda: executor.next_reports(0.05) or process(executor._posts[0]) is not stopped)
        assert stopped.returncode == -signal.SIGKILL
        (answer,) = answers(executor, FIRST[1:2])
        assert isinstance(answer, Report)


@pytest.mark.slow
def test_a_state_for_which_there_is_no_room_anywhere_is_a_failure_of_storage(place):
    with start(workers=1) as executor:
        answers(executor, FIRST[:1])
        for scratch_folder in place.iterdir():
            for key in ("m01-i0001", ".m01-i0001"):  # every write to it fails as on a full disk
                (scratch_folder / key).symlink_to("/dev/full")
        (answer,) = answers(executor, FIRST[1:2])
        assert isinstance(answer, Failure)
        assert answer.kind == "storage", answer.details
        assert "There is no room for a member's state" in answer.error
        (answer,) = answers(executor, FIRST[2:3])
        assert isinstance(answer, Report)


@pytest.mark.slow
def test_a_worker_of_which_memory_was_short_says_so():
    with start(workers=1) as executor:
        (answer,) = answers(executor, [order(0, deed="die")])
    assert isinstance(answer, Failure)
    assert (answer.kind, answer.error) == ("worker", "worker-0 was killed by SIGKILL (is memory short?)")


@pytest.mark.slow
@pytest.mark.parametrize("limit", [3, 4, 5, 6, 7, 8, 10])
def test_where_too_few_files_may_be_open_it_is_told_in_a_line_and_nothing_is_left(limit):
    program = f"""
import resource
from pbt_gan.errors import ConfigError
from pbt_gan.executors import processes
from pbt_gan.interfaces import TaskReference
used = len(__import__("os").listdir("/dev/fd")) - 1
resource.setrlimit(resource.RLIMIT_NOFILE, (used + {limit}, 100))
try:
    processes.ProcessesExecutor(TaskReference("pbt_gan.testing.walk:RandomWalk"), seed=0, workers=4)
except ConfigError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S)
    assert run.returncode == 0
    assert "Too many open files" in run.stdout


@pytest.mark.slow
def test_signals_to_the_whole_job_do_not_end_the_workers_before_the_run():
    with start() as executor:
        executor.submit(FIRST[:2])
        collected(executor, 2)
        for post in executor._posts:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
                process(post).send_signal(number)
        assert all(isinstance(answer, Report) for answer in answers(executor, FIRST))


def test_close_does_not_wait_for_training_and_kills_what_the_task_has_started(tmp_path):
    with start(odd("Sleeper", folder=str(tmp_path)), workers=1) as executor:
        executor.submit([plain(0)])
        wait_until(lambda: list(tmp_path.glob("*-*")))
    (names,) = tmp_path.glob("*-*")
    wait_until(lambda: all(gone(int(pid)) for pid in names.name.split("-")))


@pytest.mark.parametrize(
    "task",
    [
        "Sleeper",
        pytest.param("Deaf in training", marks=pytest.mark.slow),
        pytest.param("Deaf while it is built", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_leaves_no_process_and_no_memory(task, tmp_path, place):
    when = {"Deaf in training": {"when": "trained"}, "Deaf while it is built": {"when": "built"}}.get(task, {})
    task, arguments = f"{ODD}:{task.split()[0]}", {"folder": str(tmp_path), **when}
    program = f"""
import time
from pathlib import Path
from pbt_gan.core.population import Order
from pbt_gan.executors import processes
from pbt_gan.executors.processes import ProcessesExecutor
from pbt_gan.interfaces import TaskReference
processes.places = lambda: [Path({str(place)!r})]
executor = ProcessesExecutor(TaskReference({task!r}, {arguments!r}), seed=0, workers=2)
executor.submit([Order(n, 1, 1, {{}}, {{}}, f"m{{n}}", 0, 0, 3) for n in range(2)])
time.sleep(600)
"""
    run = subprocess.Popen([sys.executable, "-c", program])
    wait_until(lambda: len(list(tmp_path.glob("*-*"))) == 2)
    assert list(place.iterdir())
    run.kill()
    run.wait()
    pids = [int(pid) for names in tmp_path.glob("*-*") for pid in names.name.split("-")]
    wait_until(lambda: all(gone(pid) for pid in pids))
    wait_until(lambda: not list(place.iterdir()))


@pytest.mark.slow
def test_a_run_that_just_ends_takes_its_workers_along(place):
    program = f"""
from pathlib import Path
from pbt_gan.core.population import Order
from pbt_gan.executors import processes
from pbt_gan.interfaces import TaskReference
processes.places = lambda: [Path({str(place)!r})]
executor = processes.ProcessesExecutor(TaskReference("pbt_gan.testing.walk:RandomWalk"), seed=0, workers=2)
print(*(post.worker.process.pid for post in executor._posts))
"""
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S)
    assert run.returncode == 0
    wait_until(lambda: all(gone(int(pid)) for pid in run.stdout.split()))


@pytest.mark.slow
def test_no_open_file_is_left():
    def open_files() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    with start(workers=1) as executor:
        answers(executor, FIRST)
    before = open_files()
    with start() as executor:
        for attempt in range(1, 4):
            answers(executor, [order(member, attempt=attempt, deed="die") for member in range(3)])
        answers(executor, FIRST)
        assert sum(len(executor.encoded(each.checkpoint)) for each in FIRST) > 0
    assert open_files() == before


def test_what_a_task_prints_does_not_mix_with_what_a_command_prints(capfd):
    with start(odd("Talker"), workers=1) as executor:
        answers(executor, [plain(0)])
    out, err = capfd.readouterr()
    assert out == ""
    assert "a word from the task" in err


def test_a_worker_finds_the_modules_that_the_caller_finds(tmp_path, monkeypatch):
    (tmp_path / "my_own_tasks.py").write_text(ODD.read_text())
    monkeypatch.syspath_prepend(tmp_path)
    with start(TaskReference("my_own_tasks:Still"), workers=1) as executor:
        (answer,) = answers(executor, [plain(0)])
    assert isinstance(answer, Report)


def test_a_task_that_is_not_there_is_the_users_mistake():
    with start(TaskReference("no_such_module:Task"), workers=1) as executor, pytest.raises(ConfigError, match="no mod"):
        collected(executor, 1)


def test_there_is_at_least_one_worker():
    with pytest.raises(ConfigError, match="workers = 0"):
        ProcessesExecutor(WALK, seed=0, workers=0)


def test_workers_that_the_system_refuses_to_start_leave_nothing(monkeypatch):
    begun: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def second_fails(*arguments, **options):
        if begun:
            raise OSError(11, "Resource temporarily unavailable")
        begun.append(popen(*arguments, **options))
        return begun[0]

    monkeypatch.setattr(subprocess, "Popen", second_fails)
    with pytest.raises(WorkerError, match="fewer workers"):
        ProcessesExecutor(WALK, seed=0, workers=2)
    assert begun[0].returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_torch_task_has_the_same_bits_here_and_in_workers():
    orders = [plain(member) for member in range(3)]
    with start(odd("Factory")) as executor, closing(SerialExecutor(odd("Factory"), seed=0)) as reference:
        for mine, expected in zip(answers(executor, orders), answers(reference, orders), strict=True):
            assert isinstance(mine, Report), mine
            assert isinstance(expected, Report), expected
            assert bytes(executor.encoded(mine.checkpoint)) == bytes(reference.encoded(expected.checkpoint))

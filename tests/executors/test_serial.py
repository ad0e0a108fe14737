import hashlib
import os
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from threadpoolctl import threadpool_info

from pbt_gan.core.records import Report
from pbt_gan.errors import TaskError
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.executors.work import device_clock
from pbt_gan.testing.walk import RandomWalk, answers, order


def threads() -> list[tuple[str, int]]:
    return sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info())


class Counting(RandomWalk):
    """Sees how many threads it has."""

    def train(self, state, hyperparams, steps, streams):
        self.counts = {count for _, count in threads()}
        self.variable = os.environ["OMP_NUM_THREADS"]
        return super().train(state, hyperparams, steps, streams)


def test_it_trains_with_one_thread_and_gives_the_others_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    before = threads(), dict(os.environ)
    task = Counting()
    with closing(SerialExecutor(task, seed=0)) as first, closing(SerialExecutor(RandomWalk(), seed=0)) as second:
        for executor in (first, second):
            answers(executor, [order(0)])
        assert (threads(), dict(os.environ)) == before
    assert (task.counts, task.variable) == ({1}, "1")


def test_a_task_that_cannot_be_attached_is_told_with_its_own_error_and_the_threads_come_back(tmp_path):
    before = threads(), dict(os.environ)
    with pytest.raises(TaskError, match="serial cannot build the task: FileNotFoundError") as error:
        SerialExecutor(RandomWalk(), seed=0, folder=tmp_path)
    assert isinstance(error.value.__cause__, FileNotFoundError)
    assert (threads(), dict(os.environ)) == before


class Spinning(RandomWalk):
    """Uses up some processor time, while another thread of this process uses up much more of it."""

    def __init__(self, busy: threading.Event) -> None:
        super().__init__()
        self.busy = busy

    def train(self, state, hyperparams, steps, streams):
        before_s, mine_s = time.process_time(), time.thread_time()
        self.busy.set()
        while time.process_time() - before_s < 0.1 + time.thread_time() - mine_s:
            hashlib.sha256(b"x" * 1_000)
        self.busy.clear()
        self.mine_s = time.thread_time() - mine_s
        self.all_s = time.process_time() - before_s
        return super().train(state, hyperparams, steps, streams)


def test_a_member_is_not_charged_with_what_other_threads_do_meanwhile():
    busy, over = threading.Event(), threading.Event()

    def beside():
        data = b"x" * 10_000_000
        while not over.is_set():
            if busy.wait(0.01):
                hashlib.sha256(data)  # as a checkpoint is hashed: without Python's lock

    task = Spinning(busy)
    thread = threading.Thread(target=beside)
    thread.start()
    try:
        with closing(SerialExecutor(task, seed=0)) as executor:
            (answer,) = answers(executor, [order(0)])
    finally:
        over.set()
        thread.join()
    assert isinstance(answer, Report)
    assert task.mine_s <= answer.cost_s < task.all_s


def test_a_worker_process_is_charged_with_all_its_threads_and_a_gpu_by_the_clock():
    assert device_clock("cpu", alone=True) is time.process_time
    assert device_clock("cpu") is time.thread_time
    assert device_clock("cuda:0") is device_clock("cuda:0", alone=True) is time.perf_counter


@pytest.mark.slow
def test_no_executor_imports_torch_by_itself():
    program = "import sys, pbt_gan.testing, pbt_gan.executors.processes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

import os
import subprocess
import sys
from contextlib import closing

import pytest
from threadpoolctl import threadpool_info

from pbt_gan.executors.serial import SerialExecutor
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


def test_a_task_that_cannot_be_attached_shows_its_own_error_and_the_threads_come_back(tmp_path):
    before = threads(), dict(os.environ)
    with pytest.raises(FileNotFoundError):
        SerialExecutor(RandomWalk(), seed=0, folder=tmp_path)
    assert (threads(), dict(os.environ)) == before


@pytest.mark.slow
def test_no_executor_imports_torch_by_itself():
    program = "import sys, pbt_gan.testing, pbt_gan.executors.processes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

import os
import subprocess
import sys
from contextlib import closing

import pytest
from threadpoolctl import threadpool_info

from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.testing import RandomWalk


def threads() -> list[tuple[str, int]]:
    return sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info())


def test_it_trains_with_one_thread_and_gives_the_others_back():
    before = threads(), dict(os.environ)
    with closing(SerialExecutor(RandomWalk(), seed=0)):
        assert {count for _, count in threads()} == {1}
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert (threads(), dict(os.environ)) == before


def test_a_task_that_cannot_be_built_here_shows_its_own_error_and_the_threads_come_back(tmp_path):
    before = threads(), dict(os.environ)
    with pytest.raises(FileNotFoundError):
        SerialExecutor(RandomWalk(), seed=0, folder=tmp_path)
    assert (threads(), dict(os.environ)) == before


def test_no_executor_imports_torch_by_itself():
    program = "import sys, pbt_gan.testing, pbt_gan.executors.processes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

"""Public conformance suites: what any task, any executor and any strategy must do, whoever wrote it. Needs pytest.

Name your task or your executor in a test file, and run pytest::

    class TestMyTask(TaskConformance):
        def make(self):
            return MyTask()

    class TestMyExecutor(ExecutorConformance):
        def make(self, task, *, seed, folder, workers):
            return MyExecutor(task, seed=seed, folder=folder, workers=workers)

    class TestMyPolicy(StrategyConformance):
        pbt = {"policy": "mine.py:MyPolicy"}
"""

from pbt_gan.testing.executors import ExecutorConformance, WorkersConformance
from pbt_gan.testing.strategies import StrategyConformance
from pbt_gan.testing.tasks import GroupTaskConformance, TaskConformance

__all__ = [
    "ExecutorConformance",
    "GroupTaskConformance",
    "StrategyConformance",
    "TaskConformance",
    "WorkersConformance",
]

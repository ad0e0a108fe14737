"""Public conformance suites: what any task and any executor must do, whoever wrote it. Needs pytest.

Name your task or your executor in a test file, and run pytest::

    class TestMyTask(TaskConformance):
        def make(self):
            return MyTask()

    class TestMyExecutor(ExecutorConformance):
        def make(self, task, *, seed, folder, workers):
            return MyExecutor(task, seed=seed, folder=folder, workers=workers)
"""

from pbt_gan.testing.executors import ExecutorConformance, WorkersConformance
from pbt_gan.testing.tasks import GroupTaskConformance, TaskConformance

__all__ = ["ExecutorConformance", "GroupTaskConformance", "TaskConformance", "WorkersConformance"]

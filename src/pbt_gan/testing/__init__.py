"""Public conformance suites: what any executor must do, whoever wrote it. Needs pytest.

Name your executor in a test file, and run pytest::

    class TestMyExecutor(ExecutorConformance):
        def make(self, task, *, seed, folder, workers):
            return MyExecutor(task, seed=seed, folder=folder, workers=workers)
"""

from pbt_gan.testing.executors import ExecutorConformance, WorkersConformance

__all__ = ["ExecutorConformance", "WorkersConformance"]

"""Every executor of the package against the public suite."""

import math

import pytest

from pbt_gan.config.executors import EXECUTORS
from pbt_gan.executors.processes import ProcessesExecutor
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.executors.simulated import SimulatedExecutor
from pbt_gan.testing import ExecutorConformance, WorkersConformance
from tests.executors.far import FarExecutor


class TestSerialExecutor(ExecutorConformance):
    def make(self, task, *, seed, folder, workers):
        return SerialExecutor(task, seed=seed, folder=folder)


class TestSimulatedExecutor(ExecutorConformance):
    def make(self, task, *, seed, folder, workers):
        return SimulatedExecutor(task, seed=seed, folder=folder, slots=workers)


class TestSimulatedExecutorWhoseWorkersComeLate(ExecutorConformance):
    def make(self, task, *, seed, folder, workers):
        late = {slot: [(5.0 + 20 * slot, math.inf)] for slot in range(workers)}
        return SimulatedExecutor(task, seed=seed, folder=folder, slots=workers, shifts=late)


@pytest.mark.slow
class TestProcessesExecutor(WorkersConformance):
    def make(self, task, *, seed, folder, workers):
        return ProcessesExecutor(task, seed=seed, folder=folder, workers=workers)


class TestWorkersThatShareNoMemory(ExecutorConformance):
    def make(self, task, *, seed, folder, workers):
        return FarExecutor(task, seed=seed, folder=folder, workers=workers)


class InGroups:
    task = "pbt_gan.testing.walk:GroupWalk"


class TestSerialExecutorInGroups(InGroups, ExecutorConformance):
    def make(self, task, *, seed, folder, workers):
        return SerialExecutor(task, seed=seed, folder=folder, group=3)


@pytest.mark.slow
class TestProcessesExecutorInGroups(InGroups, WorkersConformance):
    def make(self, task, *, seed, folder, workers):
        return ProcessesExecutor(task, seed=seed, folder=folder, workers=workers, group=2)


@pytest.mark.slow
class TestProcessesExecutorInGroupsOfATaskWithoutGroups(ExecutorConformance):
    def make(self, task, *, seed, folder, workers):
        return ProcessesExecutor(task, seed=seed, folder=folder, workers=workers, group=2)


def test_no_executor_of_the_table_is_forgotten_here():
    assert set(EXECUTORS) == {"processes": TestProcessesExecutor, "serial": TestSerialExecutor}.keys()

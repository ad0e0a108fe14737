from typing import get_args

import pytest

from pbt_gan.core.failures import REMEDIES, fatal
from pbt_gan.core.records import Failure, FailureKind
from pbt_gan.errors import OutOfMemoryError, PbtGanError, StorageError, TaskError, WorkerError

ENDS = {  # kind → the attempt that ends a run, and with what
    "task": (1, TaskError),
    "memory": (3, OutOfMemoryError),
    "storage": (1, StorageError),
    "worker": (3, WorkerError),
    "machine": (3, WorkerError),
    "deadline": (3, WorkerError),
    "protocol": (3, WorkerError),
}


def test_each_kind_of_failure_has_its_remedy():
    assert set(REMEDIES) == set(get_args(FailureKind)) == set(ENDS)
    assert len({remedy.mend for remedy in REMEDIES.values()}) == len(REMEDIES), "each says something else"


@pytest.mark.parametrize("kind", sorted(ENDS))
def test_a_failure_ends_a_run_when_its_attempts_are_used_up_and_says_how_to_mend_it(kind):
    last, error = ENDS[kind]
    for attempt in range(1, last):
        assert fatal(Failure(4, 7, attempt, "worker-1", "it fell", kind)) is None
    ending = fatal(Failure(4, 7, last, "worker-1", "it fell", kind))
    assert type(ending) is error
    assert isinstance(ending, PbtGanError)
    assert str(ending).startswith("Member 4 in its interval 7 (worker-1): it fell.")
    assert str(ending).endswith(REMEDIES[kind].mend.format(place="the task"))
    assert ("attempt 3 of 3" in str(ending)) == (last == 3)


def test_a_task_that_raised_is_mended_in_the_line_that_did():
    ending = fatal(Failure(4, 7, 1, "worker-1", "KeyError: 'x'", "task", "task.py, line 9"))
    assert ": KeyError: 'x'. Mend task.py, line 9 and resume the run; log.txt has the whole" in str(ending)

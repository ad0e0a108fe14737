import errno

import pytest

from pbt_gan.errors import StorageError, TaskError
from pbt_gan.executors.failing import kind_of


class OutOfMemoryError(RuntimeError):
    """Called as torch's own is."""


def raised_from(cause: BaseException) -> TaskError:
    error = TaskError("wrapped")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyError("x"), "task"),
        (SystemExit(3), "task"),
        (TaskError("no score"), "task"),
        (RuntimeError("sizes do not match"), "task"),
        (FileNotFoundError(errno.ENOENT, "gone"), "task"),
        (MemoryError(), "memory"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "memory"),
        (BlockingIOError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (StorageError("no room"), "storage"),
        (OSError(errno.ENOSPC, "No space left on device"), "storage"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "storage"),
        (RuntimeError("unable to write to file </torch_1>: No space left on device (28)"), "storage"),
        (RuntimeError("DataLoader worker is killed by signal: Bus error. … out of shared memory"), "storage"),
        (raised_from(MemoryError()), "memory"),
        (raised_from(KeyError("x")), "task"),
    ],
)
def test_an_error_says_what_has_to_be_looked_at(error, kind):
    assert kind_of(error) == kind

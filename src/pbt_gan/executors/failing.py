"""What kind of failure an error is: whether the task, the memory or the disk has to be looked at."""

import errno

from pbt_gan.core.records import FailureKind
from pbt_gan.errors import StorageError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a system says when a disk, or shared memory, is full."""

_NO_ROOM = ("No space left on device", "out of shared memory")
_NO_MEMORY = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "Cannot allocate memory")
"""What torch says in a mere RuntimeError when its own allocators, pools or loaders find no room."""


def kind_of(error: BaseException) -> FailureKind:
    """Return the kind of what was raised while an order was carried out, or of what that was raised from.

    >>> kind_of(MemoryError("Unable to allocate 8 TiB")), kind_of(OSError(errno.ENOSPC, "full")), kind_of(KeyError("x"))
    ('memory', 'storage', 'task')
    """
    if isinstance(error, StorageError) or (isinstance(error, OSError) and error.errno in FULL):
        return "storage"
    # torch is not imported for it: an error of torch's comes from where it is imported already.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "memory"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return "memory"
    if isinstance(error, RuntimeError):
        said = str(error)
        if any(words in said for words in _NO_ROOM):
            return "storage"
        if any(words in said for words in _NO_MEMORY):
            return "memory"
    return kind_of(error.__cause__) if error.__cause__ is not None else "task"

"""How many threads a member trains with: on a CPU the last bits of a matrix product depend on it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def environment(threads: int) -> Mapping[str, str]:
    """Return the variables under which libraries begin with so many intra-op threads.

    Large tensors also get large pages, which halves the time of a copy into fresh memory.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return {name: str(threads) for name in names} | {"THP_MEM_ALLOC_ENABLE": "1"}


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

"""How many threads a member trains with: on a CPU the last bits of a matrix product depend on it."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

MEMORY: dict[str, str] = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),
}
"""Variables under which memory is fast: it is read when a process starts.

Large tensors get large pages, which halves the time of a copy into fresh memory. And glibc keeps up to 512 MB that a
step has let go for the next one: given back, every page of it would be asked for and zeroed anew.
"""


def environment(threads: int) -> Mapping[str, str]:
    """Return the variables under which libraries begin with so many intra-op threads, and with fast memory."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return {name: str(threads) for name in names} | MEMORY


def keep_memory() -> None:
    """Do for this process, which has begun already, what can still be done of `MEMORY`.

    glibc takes the largest piece that it has given back to the system for a sign of what a program needs, and from then
    on keeps pieces up to that size; 32 MB is its limit.
    """
    bytearray(31 << 20)


class OneThread:
    """Holds this process to one intra-op thread for as long as a member trains in it."""

    def __init__(self) -> None:
        self._modules = 0
        self._pools: ThreadpoolController

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the libraries that are loaded, and by their variables those that are loaded meanwhile."""
        if len(sys.modules) != self._modules:  # looking for thread pools takes milliseconds
            self._modules = len(sys.modules)
            self._pools = ThreadpoolController()
        with _variables(environment(1)), self._pools.limit(limits=1):
            yield


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

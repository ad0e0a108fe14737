"""Global random generators: ordinary code draws from them (dropout, `torch.randn`, shuffling), so they are seeded."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.random import Generator


@contextmanager
def seeded(rng: Generator) -> Iterator[None]:
    """Seed the generators of torch (those of its GPUs too), NumPy and Python from a stream; put them back afterwards.

    The seeds are drawn from `rng`, which may be drawn from inside as well.
    """
    import torch

    for_torch, for_numpy, for_python = (int(seed) for seed in rng.integers(2**32, size=3))
    before_numpy, before_python = np.random.get_state(), random.getstate()
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(gpus):
        torch.manual_seed(for_torch)
        np.random.seed(for_numpy)
        random.seed(for_python)
        try:
            yield
        finally:
            np.random.set_state(before_numpy)
            random.setstate(before_python)

"""CUDA graphs: all kernels of a step recorded once, and launched together from then on."""

import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

from pbt_gan.errors import one_line

log = logging.getLogger(__name__)

Run = Callable[[], None]
"""Does something with tensors that stay where they are."""

WAITING = 1.25
"""Times the host's part of a step that the whole may take for the device to count as waiting for the host."""


class Recorder(Protocol):
    """Runs things and records them."""

    def waits(self, run: Run) -> bool:
        """Run something; return whether the device waits for the host if it goes on like this."""

    def record(self, run: Run) -> Run | None:
        """Return what does with the same tensors, each time it is called, what something would do; do nothing yet.

        None: it cannot be recorded.
        """


class CudaGraphs:
    """Records what a GPU does.

    Args:
        device: such as "cuda:1".
    """

    def __init__(self, device: str) -> None:
        cuda: Any = torch.cuda  # its annotations are not complete
        self._device = device
        self._beside = cuda.Stream(device)  # the one that everybody uses cannot be recorded
        self._latest: Any = None  # of the graphs; it holds the memory for the next one
        self.refused = False
        """Whether something could not be recorded."""

    def waits(self, run: Run) -> bool:
        """Run something where it would be recorded, so that all is there which is made once; see `Recorder.waits`."""
        cuda: Any = torch.cuda
        now = cuda.current_stream(self._device)
        begun, ended = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        self._beside.wait_stream(now)
        with cuda.stream(self._beside):
            begun.record()
            start_s = time.perf_counter()
            run()
            host_s = time.perf_counter() - start_s
            ended.record()
        now.wait_stream(self._beside)
        ended.synchronize()
        return not self.refused and bool(begun.elapsed_time(ended) < 1_000 * WAITING * host_s)

    def record(self, run: Run) -> Run | None:
        """Record it; see `Recorder.record`. If that fails it is said, and nothing is recorded from then on."""
        cuda: Any = torch.cuda
        graph = cuda.CUDAGraph()
        # What is recorded runs one after another and leaves nothing behind, so all can work in the same memory. It is
        # kept, and so is all other that torch has: `torch.cuda.graph` would give it back to the system each time.
        pool = None if self._latest is None else self._latest.pool()
        try:
            with cuda.stream(self._beside):
                # Other threads may ask for memory meanwhile: they draw numbers, or write states.
                graph.capture_begin(pool=pool, capture_error_mode="thread_local")
                try:
                    run()
                finally:
                    graph.capture_end()
        except RuntimeError as error:
            self.refused = True
            log.warning("Steps are launched kernel by kernel: a CUDA graph of one failed (%s).", one_line(error))
            return None
        self._latest = graph
        replay: Run = graph.replay
        return replay


def recorder_of(device: str) -> Recorder | None:
    """Return what records steps on a device; None: nothing does, or nothing may be left to a timing."""
    backend: Any = torch.backends.cuda
    there = device.startswith("cuda") and backend.is_built()
    return CudaGraphs(device) if there and not torch.are_deterministic_algorithms_enabled() else None

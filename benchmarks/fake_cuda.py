"""What stands in for `torch.cuda` where there is no GPU."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.meter import Meter

NAME = "a GPU that is not there"


@dataclass(frozen=True)
class Properties:
    """What `torch.cuda.get_device_properties` tells."""

    name: str = NAME
    total_memory: int = 141 * 2**30
    multi_processor_count: int = 132
    major: int = 9
    minor: int = 0


def torch_cuda(meter: Meter, *, graphs: bool) -> dict[str, Any]:
    """Return the names of `torch.cuda` that programs use, with what stands in for each.

    Args:
        meter: takes in what is asked.
        graphs: whether a GPU waits for the host, so that graphs are recorded.
    """

    class Event:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def record(self, *_: Any) -> None:
            pass

        def wait(self, *_: Any) -> None:
            pass

        def query(self) -> bool:
            return True

        def synchronize(self) -> None:
            meter.wait()

        def elapsed_time(self, _: "Event") -> float:
            return 0.0 if graphs else math.inf  # a GPU that is done at once waits for the host

    class Stream:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def record_event(self, *_: Any) -> Event:
            return Event()

        def wait_event(self, *_: Any) -> None:
            pass

        def wait_stream(self, *_: Any) -> None:
            pass

        def synchronize(self) -> None:
            meter.wait()

    @contextmanager
    def stream(_: Any) -> Iterator[None]:
        yield

    class CUDAGraph:
        def capture_begin(self, **_: Any) -> None:
            self._before = meter.copy()

        def capture_end(self) -> None:
            found = meter - self._before
            if found.waits:
                raise RuntimeError(f"The host waits while a graph is recorded: {dict(found.waits)}")
            self._calls = found.calls
            meter.calls.subtract(found.calls)  # nothing is done yet

        def pool(self) -> object:
            return self

        def replay(self) -> None:
            meter.calls.update(self._calls)
            meter.replays += 1

    def synchronize(*_: Any) -> None:
        meter.wait()

    return {
        "CUDAGraph": CUDAGraph,
        "Event": Event,
        "Stream": Stream,
        "stream": stream,
        "current_stream": lambda *_: Stream(),
        "synchronize": synchronize,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda *_: None,
        "mem_get_info": lambda *_: (140 * 2**30, 141 * 2**30),
        "set_per_process_memory_fraction": lambda *_: None,
        "reset_peak_memory_stats": lambda *_: None,
        "max_memory_allocated": lambda *_: 2**30,
        "empty_cache": lambda: None,
        "get_device_capability": lambda *_: (9, 0),
        "get_device_name": lambda *_: NAME,
        "get_device_properties": lambda *_: Properties(),
    }

"""What is asked of torch's CUDA graphs, by stand-ins for them; whether they do it, only a GPU can tell."""

from contextlib import contextmanager

import pytest
import torch

from pbt_gan.gan.training.graphs import CudaGraphs, recorder_of

SOON, LATE = 0.0, 1e9
"""Milliseconds that a device takes."""


class Torch:
    """Stands in for what is used of `torch.cuda`."""

    def __init__(self):
        self.calls = []
        self.device_ms = SOON

    def names(self):
        cuda = self

        class Graph:
            def capture_begin(self, pool=None, capture_error_mode="global"):
                cuda.calls.append(f"begin in {pool}, {capture_error_mode}")

            def capture_end(self):
                cuda.calls.append("end")

            def pool(self):
                return "its pool"

            def replay(self):
                cuda.calls.append("replay")

        class Event:
            def __init__(self, *, enable_timing):
                assert enable_timing

            def record(self):
                pass

            def synchronize(self):
                cuda.calls.append("synchronize")

            def elapsed_time(self, other):
                return cuda.device_ms

        class Stream:
            def __init__(self, device):
                pass

            def wait_stream(self, other):
                assert other is not self

        @contextmanager
        def stream(which):
            yield

        current = Stream("cuda")
        return {
            "CUDAGraph": Graph, "Event": Event, "Stream": Stream, "stream": stream, "current_stream": lambda _: current,
        }  # fmt: skip


@pytest.fixture
def cuda(monkeypatch):
    stand_in = Torch()
    for name, value in stand_in.names().items():
        monkeypatch.setattr(torch.cuda, name, value)
    return stand_in


def test_graphs_share_the_memory_of_the_first_one_and_run_only_when_they_are_replayed(cuda):
    graphs = CudaGraphs("cuda")
    replay = graphs.record(lambda: cuda.calls.append("run"))
    assert cuda.calls == ["begin in None, thread_local", "run", "end"]
    assert replay is not None
    replay()
    graphs.record(lambda: None)
    assert cuda.calls[3:] == ["replay", "begin in its pool, thread_local", "end"]


def test_what_cannot_be_recorded_is_ended_said_and_not_tried_again(cuda, caplog):
    def fails():
        raise RuntimeError("it waits")

    graphs = CudaGraphs("cuda")
    assert graphs.record(fails) is None
    assert cuda.calls[-1] == "end"
    assert "it waits" in caplog.text
    assert not graphs.waits(lambda: None)


def test_an_error_of_another_kind_is_not_hidden(cuda):
    def fails():
        raise KeyError

    with pytest.raises(KeyError):
        CudaGraphs("cuda").record(fails)
    assert cuda.calls[-1] == "end"


@pytest.mark.parametrize(("device_ms", "waits"), [(SOON, True), (LATE, False)])
def test_a_device_that_is_done_as_soon_as_it_was_asked_waits_for_the_host(cuda, device_ms, waits):
    cuda.device_ms = device_ms
    ran = []
    assert CudaGraphs("cuda").waits(lambda: ran.append(True)) == waits
    assert ran == [True]
    assert cuda.calls == ["synchronize"]


def test_a_cpu_records_nothing():
    assert recorder_of("cpu") is None

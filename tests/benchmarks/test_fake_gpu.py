from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from benchmarks.costs import H200, Cost
from benchmarks.fake_gpu import fake_gpu

HERE = "benchmarks/test_fake_gpu.py"


def test_tensors_say_that_they_lie_on_the_gpu_and_their_operations_are_counted():
    with fake_gpu() as meter:
        x = torch.zeros(3, 4, device="cuda:0")
        y = x + torch.tensor(1.0)
        assert y.is_cuda
        assert y.device == torch.device("cuda", 0)
        assert torch.empty_like(y).device.type == "cuda"
        y.mul_(2)
    assert not meter.waits
    assert meter.total == Cost(launches=3, read_bytes=48 + 4 + 48, written_bytes=3 * 48)
    assert set(meter.by_operation) == {"aten.zeros", "aten.add", "aten.mul_"}


def test_a_view_and_a_repeated_number_cost_nothing():
    with fake_gpu() as meter:
        row = torch.empty(4, device="cuda")
        rows = row.view(1, 4).expand(1_000, 4).transpose(0, 1)
        assert not meter.calls
        rows.clone()
    assert meter.total == Cost(launches=1, read_bytes=16, written_bytes=16_000)


def test_the_host_waits_where_it_reads_a_number():
    with fake_gpu() as meter:
        x = torch.empty(3, device="cuda")
        assert [x.sum().item(), x.tolist(), x.cpu().tolist(), bool(x.isfinite().all())] == [1, [1] * 3, [1] * 3, True]
    assert meter.waits == {HERE: 4}
    assert meter.fetched_bytes == 4 + 12 + 12 + 1


def test_what_is_sent_from_pinned_memory_makes_nobody_wait():
    numbers = torch.from_numpy(np.ones((5, 2), np.float32))
    with fake_gpu() as meter:
        numbers.pin_memory()[1:].to("cuda", non_blocking=True)
        assert not meter.waits
        numbers.to("cuda", non_blocking=True)
        numbers.pin_memory().to("cuda")
        torch.tensor([1.0], device="cuda")
    assert meter.waits == {HERE: 3}
    assert meter.sent_bytes == 32 + 40 + 40 + 4


def test_what_is_fetched_without_waiting_is_waited_for_at_an_event():
    with fake_gpu() as meter:
        x = torch.empty(3, device="cuda")
        fetched = x.to("cpu", non_blocking=True)
        event = torch.cuda.current_stream(x.device).record_event()
        assert not meter.waits
        event.synchronize()
        assert fetched.tolist() == [1, 1, 1]
    assert meter.waits == {HERE: 1}


def test_a_tensor_of_the_host_does_not_meet_one_of_the_gpu():
    with fake_gpu(), pytest.raises(AssertionError, match="on the GPU and on the host"):
        torch.empty(3, device="cuda") + torch.ones(3)


def test_threads_have_the_gpu_too_and_keep_nobody_else_waiting():
    with fake_gpu() as meter:
        x = torch.empty(3, device="cuda")
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(lambda: (x + 1).tolist()).result() == [1, 1, 1]
    assert not meter.waits
    assert meter.waits_beside.total() == 1


def test_slopes_of_slopes_of_a_convolution_are_followed():
    with fake_gpu() as meter:
        x, weight = (torch.empty(shape, device="cuda", requires_grad=True) for shape in ((2, 3, 8, 8), (5, 3, 3, 3)))
        y = torch.nn.functional.conv2d(x, weight, torch.empty(5, device="cuda"), padding=1)
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (of_slope,) = torch.autograd.grad(slope.square().sum(), weight)
    assert of_slope.shape == weight.shape
    assert meter.convolutions >= 3
    assert meter.by_operation["aten.convolution"].flops > 0


def test_a_bias_is_added_by_a_kernel_of_its_own():
    def launches(bias):
        with fake_gpu() as meter:
            x, weight = torch.empty(2, 3, 8, 8, device="cuda"), torch.empty(5, 3, 3, 3, device="cuda")
            torch.nn.functional.conv2d(x, weight, torch.empty(5, device="cuda") if bias else None)
        return meter.total.launches

    assert launches(True) == launches(False) + 1


def test_a_chip_needs_as_long_as_its_memory_or_its_products_do():
    assert H200.least_s(Cost(1, 4_800, 0, 0), torch.float32) == pytest.approx(1e-9)
    assert H200.least_s(Cost(1, 4_800, 0, 10**12), torch.bfloat16) == pytest.approx(1 / 990)


def test_nothing_of_it_is_left():
    before = torch.cuda.current_stream, torch.Tensor.record_stream
    with fake_gpu():
        pass
    assert (torch.cuda.current_stream, torch.Tensor.record_stream) == before
    assert torch.ones(3).device.type == "cpu"

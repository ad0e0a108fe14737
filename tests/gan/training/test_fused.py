"""The kernels of a GPU, interpreted number by number where Triton is installed."""

import importlib.util
import os
import subprocess
import sys

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from pbt_gan.gan.training import fused
from pbt_gan.gan.training.optim import adam_, formula_, initial_moments

BETAS = [(0.0, 0.99), (0.5, 0.999), (0.9, 0.6)]

COUNTS = (7, 1024, 1501)
"""Numbers of a member: fewer than a program moves, as many, and more, with some of the next member beside them."""

COMPARED = """
import torch
from pbt_gan.gan.training import kernels
from tests.gan.training.test_fused import COUNTS, differences
def interpreted(params, moments, gradients, *columns):
    kernels.adam_(params, gradients, *moments.values(), *columns)
print(max(differences(interpreted, "cpu", count) for count in COUNTS))
"""


def differences(way, device, count):
    """Return by how much parameters and moments differ, at most, from the formula's after some steps."""
    draws = torch.Generator().manual_seed(0)
    columns = [
        torch.tensor([[value] for value in values], dtype=torch.float64, device=device)
        for values in ([1e-3, 2e-4, 0.1], *zip(*BETAS, strict=True))
    ]
    start = torch.randn(3, count, generator=draws).to(device)
    ours, theirs = start.clone(), start.clone()
    moments = [initial_moments(ours), initial_moments(theirs)]
    for _ in range(5):
        gradients = torch.randn(3, count, generator=draws).to(device)
        way(ours, moments[0], gradients, *columns)
        formula_(theirs, moments[1], gradients, *columns)
    for name in ("mean_filled", "square_filled"):
        assert torch.equal(moments[0][name], moments[1][name])
    pairs = [(ours, theirs), *((moments[0][name], moments[1][name]) for name in ("mean", "square"))]
    return max(float(((one - other).abs() / other.abs().clamp(min=1)).max()) for one, other in pairs)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_the_kernel_moves_parameters_as_the_formula_does():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(["src", ".", *sys.path])}
    told = subprocess.run(
        [sys.executable, "-c", COMPARED], env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert float(told.stdout) < 1e-6


@pytest.mark.gpu
def test_on_a_gpu_too():
    assert max(differences(adam_, "cuda", count) for count in COUNTS) < 1e-6


def test_where_no_kernel_can_be_had_the_formula_runs_and_that_is_said_once(caplog):
    def on_no_gpu(params, moments, gradients, *columns):
        fused.on_a_gpu(params, gradients, *moments.values(), *columns)

    fused._compiles.cache_clear()
    assert differences(on_no_gpu, "cpu", 7) == 0
    fused._compiles.cache_clear()
    assert len(caplog.messages) == 1
    assert "Triton does not work" in caplog.text


class Seen(TorchDispatchMode):
    """Keeps the names of operations."""

    def __init__(self):
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def test_adam_is_one_operation_on_a_gpu():
    with FakeTensorMode():
        params = torch.empty(2, 100, device="cuda")
        column = torch.empty(2, 1, dtype=torch.float64, device="cuda")
        moments = {name: torch.empty_like(params) for name in ("mean", "square")}
        moments |= {name: torch.empty_like(column) for name in ("mean_filled", "square_filled")}
        with Seen() as seen:
            adam_(params, moments, torch.empty_like(params), column, column, column)
    assert [name for name in seen.names if "empty" not in name] == ["pbt_gan.adam_.default"]

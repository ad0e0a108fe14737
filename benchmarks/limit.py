"""What a device could do: its matrix rate, and how much of it a step needs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain import Member
from benchmarks.timing import seconds

DTYPES = {"cpu": ("float32", "bfloat16"), "cuda": ("float32", "tf32", "bfloat16")}
"""What is measured on each device; the first is what torch does by itself: on a GPU, TF32 in convolutions only."""

SIDES = {"cpu": 2_048, "cuda": 8_192}
PRODUCTS = 5


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Multiply float32 as TF32 if that is the dtype, for as long as this lasts."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if dtype == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def matrix_rate(dtype: str, device: str) -> float:
    """Return the FLOPs a second of a large product, the best of a few, with the threads that this process has."""
    side = SIDES[device]
    kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    a, b = (torch.randn(side, side, device=device).to(kind) for _ in range(2))

    def multiply(times: int) -> None:
        for _ in range(times):
            torch.mm(a, b)

    with precision(dtype):
        multiply(1)
        return 2 * side**3 / min(seconds(multiply, 1, device) for _ in range(PRODUCTS))


def step_flops(member: Member) -> float:
    """Return the FLOPs of a step in products and convolutions, as the plain nets need them."""
    with FlopCounterMode(display=False) as counter:
        member.step()
    return float(counter.get_total_flops())

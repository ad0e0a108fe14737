"""What a device could do: the rate of a large product."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmarks.timing import Work
from pbt_gan.devices import round_products, rounding

DTYPES = {"cpu": ("float32", "bfloat16"), "cuda": ("float32", "tf32", "bfloat16")}
"""What is measured on each device; the first is what torch does by itself: on a GPU, TF32 in convolutions only."""

SIDES = {"cpu": 2_048, "cuda": 8_192}
"""Of the matrices whose product says what the device can do."""


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Multiply float32 as TF32 if that is the dtype, and else as torch does by itself, for as long as this lasts."""
    before = rounding()
    products = "tf32" if dtype == "tf32" else "ieee"
    round_products({"matmul": products, "convolution": "tf32", "recurrence": "tf32"})
    try:
        yield
    finally:
        round_products(before)


def product(dtype: str, device: str) -> Work:
    """Return the work of multiplying two large matrices, with the threads that this process has."""
    side = SIDES[device]
    kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    a, b = (torch.randn(side, side, device=device).to(kind) for _ in range(2))

    def multiply(times: int) -> None:
        with precision(dtype):
            for _ in range(times):
                torch.mm(a, b)

    return multiply


def product_flops(device: str) -> float:
    """Return the FLOPs of one such product."""
    return 2.0 * SIDES[device] ** 3

"""In which precision benchmarks multiply."""

import pytest
import torch

from benchmarks.limit import precision
from pbt_gan.devices import rounding, use_device


@pytest.mark.parametrize(("dtype", "products"), [("float32", "ieee"), ("tf32", "tf32"), ("bfloat16", "ieee")])
def test_whatever_the_package_has_set_products_round_as_asked_and_convolutions_as_torch_lets_them(
    monkeypatch, dtype, products
):
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    outside = rounding()
    with precision("float32"):
        for tf32 in (False, True):
            use_device("cuda", tf32=tf32)
            before = rounding()
            with precision(dtype):
                assert rounding() == {"matmul": products, "convolution": "tf32", "recurrence": "tf32"}
            assert rounding() == before
    assert rounding() == outside

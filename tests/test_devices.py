"""What is set for a GPU; whether it then does so needs one."""

import pytest
import torch

from pbt_gan.devices import check_device, round_products, rounding, use_device
from pbt_gan.errors import ConfigError


@pytest.fixture
def devices(monkeypatch):
    """Return the devices that are made the current one, and put back what is set."""
    made: list[object] = []
    monkeypatch.setattr(torch.cuda, "set_device", made.append)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    before = rounding()
    yield made
    round_products(before)


@pytest.mark.parametrize(("rounded", "told"), [(False, "ieee"), (True, "tf32")])
def test_convolutions_and_products_round_alike(devices, rounded, told):
    for before in ("tf32", "ieee"):
        round_products(dict.fromkeys(rounding(), before))
        use_device("cuda:1", tf32=rounded)
        assert set(rounding().values()) == {told}
        assert torch.backends.cuda.matmul.fp32_precision == told
    assert devices == 2 * [torch.device("cuda:1")]


def test_torch_still_exports_and_compiles_where_products_are_rounded(devices):
    use_device("cuda", tf32=True)
    module, x = torch.nn.Conv2d(1, 2, 3), torch.ones(1, 1, 4, 4)
    exported = torch.export.export(module, (x,)).module()
    assert torch.equal(exported(x), module(x))


@pytest.mark.parametrize("deterministic", [False, True])
def test_cudnn_looks_for_what_is_fastest_unless_that_would_be_left_to_a_timing(devices, deterministic, monkeypatch):
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: deterministic)
    use_device("cuda", tf32=False)
    assert torch.backends.cudnn.benchmark is not deterministic


def test_a_gpu_without_a_number_is_the_first(devices):
    use_device("cuda", tf32=False)
    assert devices == [0]


def test_a_cpu_needs_nothing(devices):
    before = rounding()
    use_device("cpu", tf32=True)
    assert rounding() == before
    assert devices == []
    assert not torch.backends.cudnn.benchmark


@pytest.mark.parametrize(
    ("device", "told"), [("mps", "float64"), ("gpu", "not known"), ("cuda:x", "not known"), ("cuda:99", "torch finds")]
)
def test_a_device_that_cannot_be_used_is_refused_with_the_reason_and_the_way_out(device, told):
    with pytest.raises(ConfigError, match=told) as error:
        check_device(device)
    assert "cpu" in str(error.value)

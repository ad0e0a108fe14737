"""What is set for a GPU; whether it then does so needs one."""

import pytest
import torch

from pbt_gan.devices import check_device, use_device
from pbt_gan.errors import ConfigError


def flags() -> tuple[bool, bool]:
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.fixture
def devices(monkeypatch):
    """Return the devices that are made the current one, and put back what is set."""
    made: list[object] = []
    monkeypatch.setattr(torch.cuda, "set_device", made.append)
    before = flags()
    yield made
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("rounded", [False, True])
def test_convolutions_and_products_round_alike(devices, rounded):
    for before in (True, False):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = before
        use_device("cuda:1", tf32=rounded)
        assert flags() == (rounded, rounded)
    assert devices == 2 * [torch.device("cuda:1")]


def test_a_gpu_without_a_number_is_the_first(devices):
    use_device("cuda", tf32=False)
    assert devices == [0]


def test_a_cpu_needs_nothing(devices):
    before = flags()
    use_device("cpu", tf32=True)
    assert flags() == before
    assert devices == []


@pytest.mark.parametrize(
    ("device", "told"), [("mps", "float64"), ("gpu", "not known"), ("cuda:x", "not known"), ("cuda:99", "torch finds")]
)
def test_a_device_that_cannot_be_used_is_refused_with_the_reason_and_the_way_out(device, told):
    with pytest.raises(ConfigError, match=told) as error:
        check_device(device)
    assert "cpu" in str(error.value)

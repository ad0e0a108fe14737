"""What is set for a GPU; whether it then does so needs one."""

import sys

import pytest
import torch

from pbt_gan.devices import (
    best_dtype,
    check_device,
    multiplies_bfloat16,
    round_products,
    rounding,
    use_device,
)
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


@pytest.mark.parametrize("rounded", [False, True])
def test_torch_still_exports_and_rounds_as_it_did(devices, rounded):
    use_device("cuda", tf32=rounded)
    module, x = torch.nn.Conv2d(1, 2, 3), torch.ones(1, 1, 4, 4)
    exported = torch.export.export(module, (x,)).module()
    assert torch.equal(exported(x), module(x))
    assert {how == "tf32" for how in rounding().values()} == {rounded}
    assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is rounded
    assert torch.backends.mkldnn.enabled  # torch.export takes it away meanwhile


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


@pytest.mark.parametrize(
    ("devices", "capabilities", "bfloat16", "halves", "best"),
    [
        (["cuda"], {"cuda": (9, 0)}, False, True, "tf32"),
        (["cuda:0", "cuda:1"], {"cuda:0": (8, 0), "cuda:1": (7, 5)}, True, True, "float32"),
        (["cpu"], {}, True, True, "bfloat16"),
        (["cpu"], {}, False, True, "float32"),
        (["cpu"], {}, True, False, "float32"),
        (["cpu", "cuda"], {"cuda": (9, 0)}, True, True, "float32"),
    ],
)
def test_the_best_dtype_is_one_that_all_devices_are_good_at(monkeypatch, devices, capabilities, bfloat16, halves, best):
    monkeypatch.setattr(torch.cuda, "get_device_capability", capabilities.__getitem__)
    monkeypatch.setattr("pbt_gan.devices.multiplies_bfloat16", lambda: bfloat16)
    assert best_dtype(devices, halves=halves) == best


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("fpu avx512f avx512_bf16 amx_tile", True),
        ("fpu amx_bf16", True),
        ("fpu avx512f avx512bw", False),
        (None, False),
    ],
)
def test_a_cpu_has_bfloat16_if_it_says_so(tmp_path, flags, has):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    assert multiplies_bfloat16(cpuinfo) is has


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can tell")
def test_and_torch_says_the_same_of_this_one():
    assert multiplies_bfloat16() or not torch.cpu._is_avx512_bf16_supported()

"""Which devices members can train on, and how those multiply."""

from collections.abc import Collection, Mapping
from pathlib import Path

import torch

from pbt_gan.errors import ConfigError


def check_device(device: str) -> str:
    """Return "cpu", "cuda" or "cuda:1", as it was given.

    Raises:
        ConfigError: it is none of these, there is none here, or it has no float64.
    """
    kind, _, number = device.partition(":")
    if kind == "mps":
        raise ConfigError("Apple's GPU (mps) has no float64, in which hyperparameters are kept; use --device cpu.")
    if device != "cpu" and not (kind == "cuda" and (number.isdigit() or device == "cuda")):
        raise ConfigError(f"--device {device} is not known; use cpu, cuda, or one GPU of several such as cuda:1.")
    found = torch.cuda.device_count() if kind == "cuda" else 0
    if kind == "cuda" and int(number or 0) >= found:
        raise ConfigError(f"--device {device}: torch finds {found or 'no'} CUDA devices here; use --device cpu.")
    return device


def use_device(device: str, *, tf32: bool) -> None:
    """Compute on a device from now on; `tf32` says whether products and convolutions of float32 may round to that.

    PyTorch lets cuDNN's convolutions round to TF32 and matrix products not; here both do what they are told. cuDNN
    looks for its fastest algorithm once for each shape, of which training has few, unless equal bits are asked for.
    """
    if device == "cpu":
        return
    torch.cuda.set_device(torch.device(device) if ":" in device else 0)
    round_products(dict.fromkeys(PRODUCTS, "tf32" if tf32 else "ieee"))
    torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()


PRODUCTS = {
    "matmul": torch.backends.cuda.matmul,
    "convolution": torch.backends.cudnn.conv,  # type: ignore[attr-defined]
    "recurrence": torch.backends.cudnn.rnn,
}
"""What of a GPU multiplies float32, each with an own `fp32_precision`. Who sets only these, or only the older flags
(`allow_tf32`), has torch raise where it reads the others."""


def rounding() -> Mapping[str, str]:
    """Return how each of `PRODUCTS` rounds its operands now: "tf32", "ieee", or "none" where nobody has said it."""
    return {name: products.fp32_precision for name, products in PRODUCTS.items()}


def round_products(how: Mapping[str, str]) -> None:
    """Let each of `PRODUCTS` that is named round its operands so."""
    how = {**rounding(), **how}
    # torch reads the older flags when it exports a net, and raises where they do not agree. They set the others too.
    torch.backends.cuda.matmul.allow_tf32 = how["matmul"] == "tf32"
    torch.backends.cudnn.allow_tf32 = how["convolution"] == "tf32"
    for name, precision in how.items():
        PRODUCTS[name].fp32_precision = precision


def best_dtype(devices: Collection[str], *, halves: bool = True) -> str:
    """Return the dtype in which all of these devices multiply fast and members learn as well; `halves`: also bfloat16.

    That is TF32 on GPUs that have it; bfloat16 on a CPU that has instructions for it; float32 elsewhere, and where
    GPUs and CPUs train together.
    """
    kinds = {device.partition(":")[0] for device in devices}
    if kinds == {"cuda"}:
        return "tf32" if all(torch.cuda.get_device_capability(device) >= (8, 0) for device in devices) else "float32"
    return "bfloat16" if kinds == {"cpu"} and halves and multiplies_bfloat16() else "float32"


def multiplies_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this machine's CPU has instructions for products of bfloat16; where nobody can tell, it has none.

    One without them takes six times as long as in float32.
    """
    try:
        known = cpuinfo.read_text()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(known.split())

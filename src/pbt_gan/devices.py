"""Which devices members can train on, and how those multiply."""

from collections.abc import Mapping

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
"""What of a GPU multiplies float32, each with an own `fp32_precision`. The older flags (`allow_tf32`,
`set_float32_matmul_precision`) must not be used beside them: torch then raises where they are read."""


def rounding() -> Mapping[str, str]:
    """Return how each of `PRODUCTS` rounds its operands now: "tf32", "ieee", or "none" where nobody has said it."""
    return {name: products.fp32_precision for name, products in PRODUCTS.items()}


def round_products(how: Mapping[str, str]) -> None:
    """Let each of `PRODUCTS` that is named round its operands so."""
    for name, precision in how.items():
        PRODUCTS[name].fp32_precision = precision

"""Which devices members can train on, and how those multiply."""

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

    PyTorch lets cuDNN's convolutions round to TF32 and matrix products not; here both do what they are told.
    """
    if device == "cpu":
        return
    torch.cuda.set_device(torch.device(device) if ":" in device else 0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32

"""Tensors on their way from the host to a GPU."""

import torch
from torch import Tensor


def is_gpu(device: str) -> bool:
    """Return whether a device works by itself while the host goes on."""
    return device.startswith("cuda") and torch.cuda.is_available()


def fetchable(tensor: Tensor, device: str) -> Tensor:
    """Return a tensor of the host as a device can fetch it by itself: for a GPU, in pinned memory.

    Who sends it need not keep it: torch gives pinned memory to nobody else before it has been fetched.
    """
    return tensor.pin_memory() if tensor.device.type == "cpu" and is_gpu(device) else tensor


def sent(tensor: Tensor, device: str) -> Tensor:
    """Return a tensor on a device; where it comes from the host, nobody waits for it."""
    return fetchable(tensor, device).to(device, non_blocking=True)

"""Adam on a CPU in one pass over memory, by the kernels that this machine's C compiler makes."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from pbt_gan.gan.nets.compiler import library


def compiles(*moved: Tensor) -> bool:
    """Return whether tensors [N] or [P, N] can be moved here, in place."""
    fits = all(each.device.type == "cpu" and each.dtype == torch.float32 and each.is_contiguous() for each in moved)
    return fits and library() is not None


def adam_(tensors: Sequence[Tensor], columns: Sequence[Tensor], epsilon: float) -> None:
    """Do what the last lines of `pbt_gan.gan.training.optim.formula_` do.

    Args:
        tensors: parameters, gradients, their average, that of their squares, each [N] or [P, N].
        columns: the share of a new gradient, that of its square, the rate, the root of how far the latter average is
            filled, each a number a row.
        epsilon: added to the denominator.
    """
    kernels, members = library(), columns[0].numel()
    assert kernels is not None
    # Named, so that what is copied lives as long as the call.
    rows = [tensor.contiguous() for tensor in (*tensors, *columns)]
    counts = [ctypes.c_long(count) for count in (members, tensors[0].numel() // members)]
    kernels["adam"](*(ctypes.c_void_p(row.data_ptr()) for row in rows), *counts, ctypes.c_float(epsilon))

"""Adam on a GPU in one pass over memory: an operator of torch, whose kernel is written in Triton.

Each of the ten operations of the formula in `pbt_gan.gan.training.optim` reads and writes whole tensors: 88 bytes a
parameter. Here each number is read once and written once: 28. Torch's builds for CUDA bring Triton; where it does not
work, and in float64, the formula runs.
"""

import logging
from functools import cache

import torch
from torch import Tensor

from pbt_gan.errors import one_line

log = logging.getLogger(__name__)

torch.library.define(
    "pbt_gan::adam_",
    "(Tensor(a!) params, Tensor gradients, Tensor(b!) mean, Tensor(c!) square, Tensor(d!) mean_filled, "
    "Tensor(e!) square_filled, Tensor lr, Tensor beta1, Tensor beta2) -> ()",
)


def on_a_gpu(
    params: Tensor,
    gradients: Tensor,
    mean: Tensor,
    square: Tensor,
    mean_filled: Tensor,
    square_filled: Tensor,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
) -> None:
    """Move parameters, see `pbt_gan.gan.training.optim.adam_`."""
    if params.dtype == torch.float32 and _compiles(params.device):
        from pbt_gan.gan.training.kernels import adam_

        with torch.cuda.device(params.device):  # a kernel of Triton runs on the current one
            adam_(params, gradients, mean, square, mean_filled, square_filled, lr, beta1, beta2)
    else:
        from pbt_gan.gan.training.optim import formula_

        moments = {"mean": mean, "square": square, "mean_filled": mean_filled, "square_filled": square_filled}
        formula_(params, moments, gradients, lr, beta1, beta2)


torch.library.impl("pbt_gan::adam_", "CUDA", on_a_gpu)


@torch.library.register_fake("pbt_gan::adam_")  # type: ignore[untyped-decorator]
def _followed(*tensors: Tensor) -> None:
    """Do nothing: where shapes are followed and nothing is computed, this is one operation, as it is on a GPU."""


@cache
def _compiles(device: torch.device) -> bool:
    """Return whether the kernel can be had on a device. Triton may be missing, or the C compiler that it needs."""
    try:
        from pbt_gan.gan.training.kernels import adam_

        with torch.cuda.device(device):
            numbers = [torch.ones(1, 8, device=device) for _ in range(4)]
            adam_(*numbers, *(torch.ones(1, 1, dtype=torch.float64, device=device) for _ in range(5)))
    except Exception as error:
        log.warning("Adam takes several passes over a GPU's memory, since Triton does not work (%s).", one_line(error))
        return False
    return True

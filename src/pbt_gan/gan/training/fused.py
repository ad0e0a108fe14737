"""Adam on a GPU in one pass over memory: an operator of torch, whose kernel is written in Triton.

Each of the ten operations of the formula in `pbt_gan.gan.training.optim` reads and writes whole tensors: 88 bytes a
parameter. Here each number is read once and written once: 28. Torch's builds for CUDA bring Triton; without it, and in
float64, the formula runs.
"""

import importlib.util
from functools import cache

import torch
from torch import Tensor

torch.library.define(
    "pbt_gan::adam_",
    "(Tensor(a!) params, Tensor gradients, Tensor(b!) mean, Tensor(c!) square, Tensor(d!) mean_filled, "
    "Tensor(e!) square_filled, Tensor lr, Tensor beta1, Tensor beta2) -> ()",
)


@torch.library.impl("pbt_gan::adam_", "CUDA")
def _on_a_gpu(
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
    if params.dtype == torch.float32 and _is_triton_there():
        from pbt_gan.gan.training.kernels import adam_

        with torch.cuda.device(params.device):  # a kernel of Triton runs on the current one
            adam_(params, gradients, mean, square, mean_filled, square_filled, lr, beta1, beta2)
    else:
        from pbt_gan.gan.training.optim import formula_

        moments = {"mean": mean, "square": square, "mean_filled": mean_filled, "square_filled": square_filled}
        formula_(params, moments, gradients, lr, beta1, beta2)


@torch.library.register_fake("pbt_gan::adam_")  # type: ignore[untyped-decorator]
def _followed(*tensors: Tensor) -> None:
    """Do nothing: where shapes are followed and nothing is computed, this is one operation, as it is on a GPU."""


@cache
def _is_triton_there() -> bool:
    return importlib.util.find_spec("triton") is not None

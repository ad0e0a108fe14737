"""Adam and the average of the generator, in place on flat tensors, with their settings as tensors.

For one member, parameters are [N] and a setting is 0-dimensional; for P of them, [P, N] and [P, 1].
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from pbt_gan.gan.training import compiled_adam
from pbt_gan.gan.training import fused as fused  # what Adam is on a GPU

EPSILON = 1e-8
"""Added to Adam's denominator."""

_CACHED = 1 << 18
"""Numbers of a tensor that are updated at a time: what comes and goes in between then stays in a core's cache."""

Moments = Mapping[str, Tensor]
"""Adam's memory: `mean` and `square`, averages of the gradient, and how far each is filled, float64 in [0, 1]."""


def initial_moments(params: Tensor) -> Moments:
    """Return empty moments of parameters [N] or [P, N]."""
    filled = torch.zeros(params[..., :1].shape if params.ndim > 1 else (), dtype=torch.float64, device=params.device)
    return {
        "mean": torch.zeros_like(params),
        "square": torch.zeros_like(params),
        "mean_filled": filled,
        "square_filled": filled.clone(),
    }


def adam_(
    params: Tensor, moments: Moments, gradients: Tensor, lr: Tensor, beta1: Tensor, beta2: Tensor
) -> dict[str, Tensor]:
    """Move parameters one step down their gradients, and update the moments; return `lr`, `beta1` and `beta2` as used.

    An average that began at 0 is divided by the sum of its weights. That is 1 - βᵗ while β stays, as in the paper; it
    is also right when β is changed on the way, where 1 - βᵗ would be off by orders of magnitude.

    Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
    """
    if params.device.type == "cuda":
        filled = moments["mean_filled"], moments["square_filled"]
        torch.ops.pbt_gan.adam_(params, gradients, moments["mean"], moments["square"], *filled, lr, beta1, beta2)
    else:
        formula_(params, moments, gradients, lr, beta1, beta2)
    return {"lr": lr, "beta1": beta1, "beta2": beta2}


def formula_(params: Tensor, moments: Moments, gradients: Tensor, lr: Tensor, beta1: Tensor, beta2: Tensor) -> None:
    """Do what `adam_` does in operations of torch; the last of them, where a CPU has kernels for it, in one pass."""
    for name, beta in (("mean", beta1), ("square", beta2)):
        filled = moments[f"{name}_filled"]
        filled += (1 - beta) * (1 - filled)
    # In float64 up to here: 1 - 0.9999 in float32 has three good digits.
    shares = [(1 - beta).to(params.dtype) for beta in (beta1, beta2)]
    rate = (lr / moments["mean_filled"]).to(params.dtype)
    filled = moments["square_filled"].sqrt().to(params.dtype)
    tensors = params, gradients, moments["mean"], moments["square"]
    if compiled_adam.compiles(params, moments["mean"], moments["square"]):
        compiled_adam.adam_(tensors, [*shares, rate, filled], EPSILON)
        return
    for part, gradient, mean, square in _parts(*tensors):
        mean.lerp_(gradient, shares[0])
        square.lerp_(gradient.square(), shares[1])
        # In place where nobody looks: what is allocated anew does not lie in a cache.
        part -= (rate * mean).div_(square.sqrt().div_(filled).add_(EPSILON))


def average_(
    average: Tensor, latest: Tensor, half_life_kimg: Tensor, batch_size: int, most_kimg: Tensor | None = None
) -> Tensor:
    """Move an average towards the latest values, so that after `half_life_kimg` thousand images old ones count half.

    Args:
        average: what is moved.
        latest: as many values.
        half_life_kimg: in thousand images.
        batch_size: images of one step.
        most_kimg: the longest half-life that counts yet, so that an average forgets where it began; None: any.

    Returns:
        the half-life as it was used.

    Source: Karras et al. 2018, arXiv:1710.10196, with the decay from a half-life; that it is short at first: Karras et
    al. 2020, arXiv:2006.06676, table 3.
    """
    counted = half_life_kimg if most_kimg is None else torch.minimum(half_life_kimg, most_kimg)
    decay = 0.5 ** (batch_size / (1_000 * counted))
    average.lerp_(latest, (1 - decay).to(average.dtype))
    return half_life_kimg


def _parts(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield equal parts of tensors of one shape: on a CPU as large as its cache holds, on a GPU the whole."""
    whole = tensors[0].shape[-1]
    rows = tensors[0].numel() // whole
    columns = max(1, _CACHED // rows) if tensors[0].device.type == "cpu" else whole
    yield from zip(*(torch.split(tensor, columns, dim=-1) for tensor in tensors), strict=True)

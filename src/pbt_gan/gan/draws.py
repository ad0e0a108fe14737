"""The random numbers of training, drawn outside of the step."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator as Random
from torch import Tensor


@dataclass(frozen=True)
class Needs:
    """What one step draws."""

    dataset_size: int
    batch_size: int
    z_size: int
    mix: bool  # places between real and fake images, for a gradient penalty


@dataclass(frozen=True)
class Draws:
    """The numbers of S steps with K discriminator updates and one generator update each."""

    indices: Tensor  # int64[S, K, B], into the data, with replacement
    z: Tensor  # [S, K + 1, B, Z], standard normal; the last one is the generator's
    mix: Tensor  # [S, K, B] in [0, 1); [S, K, 0] where there is no use for it


def draw(needs: Needs, steps: int, n_critic: int, rng: Random, dtype: torch.dtype, device: str) -> Draws:
    """Draw the numbers of a block of steps and send them to the device."""
    batch = needs.batch_size
    indices = rng.integers(needs.dataset_size, size=(steps, n_critic, batch))
    z = rng.standard_normal((steps, n_critic + 1, batch, needs.z_size), np.float32)
    mix = rng.random((steps, n_critic, batch if needs.mix else 0), np.float32)
    return Draws(
        torch.from_numpy(indices).to(device),
        torch.from_numpy(z).to(device, dtype),
        torch.from_numpy(mix).to(device, dtype),
    )

"""The random numbers of training, drawn outside of the step, each member's from its own streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


class CriticDraws(NamedTuple):
    """The numbers of one discriminator update in each of S steps, for m members."""

    indices: Tensor  # int64[S, m, B], into the data, with replacement
    z: Tensor  # [S, m, B, Z], standard normal
    mix: Tensor  # [S, m, B] in [0, 1); [S, m, 0] where there is no use for it


class Draws(NamedTuple):
    """The numbers of S steps of P members."""

    critic: Sequence[CriticDraws]  # of the first update in each step, the second, …; each of those that take part
    z: Tensor  # [S, P, B, Z], standard normal, of the generators


def draw(
    needs: Needs, steps: int, n_critic: Sequence[int], rngs: Sequence[Random], dtype: torch.dtype, device: str
) -> Draws:
    """Draw the numbers of a block of steps and send them to the device; nobody waits there for them.

    Args:
        needs: of every member.
        steps: how many.
        n_critic: discriminator updates in each step of each member, in falling order.
        rngs: one a member. A member's numbers do not depend on who is drawn for beside it.
        dtype: of what is no index.
        device: where they go.
    """
    indices, latents, mixes = zip(
        *(_draw(needs, steps, updates, rng) for updates, rng in zip(n_critic, rngs, strict=True)), strict=True
    )

    def sent(arrays: Sequence[np.ndarray], dtype: torch.dtype) -> Tensor:
        numbers = torch.from_numpy(np.stack(arrays, axis=1))
        pinned = numbers.pin_memory() if device != "cpu" else numbers
        return pinned.to(device, non_blocking=True).to(dtype)

    critic = []
    for k in range(n_critic[0]):
        count = sum(updates > k for updates in n_critic)
        critic.append(
            CriticDraws(
                sent([own[:, k] for own in indices[:count]], torch.int64),
                sent([own[:, k] for own in latents[:count]], dtype),
                sent([own[:, k] for own in mixes[:count]], dtype),
            )
        )
    return Draws(critic, sent([own[:, -1] for own in latents], dtype))


def _draw(needs: Needs, steps: int, n_critic: int, rng: Random) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    batch = needs.batch_size
    return (
        rng.integers(needs.dataset_size, size=(steps, n_critic, batch)),
        rng.standard_normal((steps, n_critic + 1, batch, needs.z_size), np.float32),
        rng.random((steps, n_critic, batch if needs.mix else 0), np.float32),
    )

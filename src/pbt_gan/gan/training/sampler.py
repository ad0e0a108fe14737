"""Images made by generators."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray
from torch import Tensor

from pbt_gan.gan.nets.net import Net
from pbt_gan.gan.training.stacking import State, leaves, placed
from pbt_gan.gan.training.step import named, weights

BATCH = 100
"""Images are always made in batches of this size, whatever their number: batch norm may depend on it."""


class Sampler:
    """Makes images of members, of several at a time.

    Args:
        generator: the net.
        z_size: latent numbers an image.
        running: whether it uses the buffers that are kept, not those of the batch.
        device: where it runs.
    """

    def __init__(self, generator: Net, z_size: int, *, running: bool, device: str) -> None:
        self._generator = generator
        self._z_size = z_size
        self._running = running
        self._device = device

    def images(self, states: Sequence[State], count: int, rng: Random) -> list[Tensor | None]:
        """Return images of each member, uint8[count, H, W, C], all from the same latents; None: it has diverged."""
        if self._device == "cpu" and not self._generator.exact and len(states) > 1:
            return [self.images([state], count, deepcopy(rng))[0] for state in states]
        finite = torch.stack([torch.stack([leaf.isfinite().all() for leaf in leaves(state)]).all() for state in states])
        whole = [place for place, fine in enumerate(finite.tolist()) if fine]
        found: list[Tensor | None] = [None] * len(states)
        if whole:
            images, finite = self._made([states[place] for place in whole], fresh(count, self._z_size, rng))
            for place, own, fine in zip(whole, images[:, :count], finite.tolist(), strict=True):
                found[place] = own if fine else None
        return found

    def show(self, state: State, count: int, rng: Random) -> NDArray[np.uint8]:
        """Return images of fresh latents, uint8[count, H, W, C]; grey where they are not finite."""
        return self.draw(state, fresh(count, self._z_size, rng))[:count]

    def draw(self, state: State, batches: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return images of latents [batches, BATCH, Z], uint8[batches · BATCH, H, W, C]; grey as in `show`."""
        images, _ = self._made([state], batches)
        return images[0].cpu().numpy()

    @torch.no_grad()
    def _made(self, states: Sequence[State], batches: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """Return uint8[P, N, H, W, C], grey where they are not finite, and whether they all are [P]."""
        nets = [placed(generating(state), self._device) for state in states]
        # Copied, also for one: so the weights of every member begin where a new tensor would, and give the same bits.
        params, buffers = named(self._generator, {name: torch.stack([net[name] for net in nets]) for name in nets[0]})
        members, dtype = len(states), nets[0]["params"].dtype
        parts, finite = [], torch.ones(members, dtype=torch.bool, device=self._device)
        for latents in torch.from_numpy(batches).to(self._device, dtype):
            expanded = latents.expand(members, -1, -1)
            images, _ = self._generator(params, buffers, expanded, training=not self._running)
            finite &= images.isfinite().flatten(1).all(1)
            parts.append(to_uint8(images.nan_to_num(0.0)))
        return torch.cat(parts, 1), finite


def fresh(count: int, z_size: int, rng: Random) -> NDArray[np.float32]:
    """Draw at least `count` latents, [batches, BATCH, Z]; the first ones do not depend on how many follow."""
    return rng.standard_normal((-(-count // BATCH), BATCH, z_size), np.float32)


def generating(state: State) -> dict[str, Tensor]:
    """Return what images are made with: the average of a member's generator if one is kept."""
    return weights(state["g"].get("average", state["g"]))


def to_uint8(images: Tensor) -> Tensor:
    """Return images [..., C, H, W] in [-1, 1] as uint8[..., H, W, C]."""
    return (127.5 * images + 128).floor().clamp(0, 255).to(torch.uint8).movedim(-3, -1).contiguous()

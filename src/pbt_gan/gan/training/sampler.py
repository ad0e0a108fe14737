"""Images made by generators."""

from collections.abc import Sequence
from copy import deepcopy
from itertools import accumulate
from typing import TypeVar

import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap
from torch.nn.functional import one_hot

from pbt_gan.gan.data.classes import UNLABELLED, Classes, Labels
from pbt_gan.gan.launches import at_a_time
from pbt_gan.gan.nets.modules import ModuleNet
from pbt_gan.gan.nets.net import Buffers, Net, Params
from pbt_gan.gan.training.stacking import State, leaves, placed
from pbt_gan.gan.training.step import named, weights

T = TypeVar("T", bound=np.generic)

BATCH = 100
"""Images are always made in batches of this size, whatever their number: batch norm may depend on it."""


class Sampler:
    """Makes images of members, of several at a time.

    Args:
        generator: the net.
        z_size: latent numbers an image.
        classes: that the net was made for, if any: where nobody asks for labels, images have `classes.labels`.
        running: whether it uses the buffers that are kept, not those of the batch.
        device: where it runs.
    """

    def __init__(
        self, generator: Net, z_size: int, classes: Classes = UNLABELLED, *, running: bool, device: str
    ) -> None:
        self._generator = generator
        self._z_size = z_size
        self._classes = classes
        self._running = running
        self._device = device

    def images(self, states: Sequence[State], count: int, rng: Random) -> list[Tensor | None]:
        """Return images of each member, uint8[count, H, W, C]; None: it has diverged.

        All are made from the same latents, and with the same labels.
        """
        if self._device == "cpu" and not self._generator.exact and len(states) > 1:
            return [self.images([state], count, deepcopy(rng))[0] for state in states]
        whole = [place for place, fine in enumerate(_finite(states)) if fine]
        found: list[Tensor | None] = [None] * len(states)
        if whole:
            batches = fresh(count, self._z_size, rng)
            images, finite = self._made([states[place] for place in whole], batches, self._labels(batches))
            for place, own, fine in zip(whole, images[:, :count], finite.tolist(), strict=True):
                found[place] = own if fine else None
        return found

    def show(self, state: State, count: int, rng: Random) -> NDArray[np.uint8]:
        """Return images of fresh latents, uint8[count, H, W, C]; grey where they are not finite."""
        return self.draw(state, fresh(count, self._z_size, rng))[:count]

    def draw(self, state: State, batches: NDArray[np.float32], labels: Labels | None = None) -> NDArray[np.uint8]:
        """Return images of latents [batches, BATCH, Z], uint8[batches · BATCH, H, W, C]; grey as in `show`.

        Args:
            state: of the member.
            batches: the latents.
            labels: [batches, BATCH], of a net that knows classes; None: as often as in the data.
        """
        images, _ = self._made([state], batches, self._labels(batches) if labels is None else labels)
        return images[0].cpu().numpy()

    def _labels(self, batches: NDArray[np.float32]) -> Labels | None:
        """Return the classes of images for which nobody has asked for any; None: the net knows of none."""
        if not len(self._classes):
            return None
        places = batches.shape[:2]
        return self._classes.labels(places[0] * places[1]).reshape(places)

    @torch.no_grad()
    def _made(
        self, states: Sequence[State], batches: NDArray[np.float32], labels: Labels | None
    ) -> tuple[Tensor, Tensor]:
        """Return uint8[P, N, H, W, C], grey where they are not finite, and whether they all are [P]."""
        nets = [placed(generating(state), self._device) for state in states]
        # Copied, also for one: so the weights of every member begin where a new tensor would, and give the same bits.
        params, buffers = named(self._generator, {name: torch.stack([net[name] for net in nets]) for name in nets[0]})
        latents = torch.from_numpy(batches).to(self._device, nets[0]["params"].dtype)
        asked = None if labels is None else self._rows(labels, latents.dtype)
        parts: list[Tensor] = []
        finite: list[Tensor] = []
        begin = 0
        while begin < len(latents):
            end = begin + (self._at_a_time(parts[0]) if parts else 1)
            images = self._together(params, buffers, latents[begin:end], None if asked is None else asked[begin:end])
            finite.append(images.isfinite().flatten(1).all(1))
            parts.append(to_uint8(images.nan_to_num(0.0)))
            begin = end
        return torch.cat(parts, 1), torch.stack(finite).all(0)

    def _rows(self, labels: Labels, dtype: torch.dtype) -> Tensor:
        """Return labels [batches, BATCH] as [batches, BATCH, K], a 1 at the place of each."""
        return one_hot(torch.from_numpy(labels).to(self._device), len(self._classes)).to(dtype)

    def _at_a_time(self, batch: Tensor) -> int:
        """Return how many batches are made together where one is uint8[P, BATCH, H, W, C]."""
        # On a CPU the bits of a batch may depend on how many there are, and what is one's own may do what vmap cannot.
        if self._device == "cpu" or (isinstance(self._generator, ModuleNet) and not self._apart):
            return 1
        return at_a_time(batch[..., 0].numel())

    @property
    def _apart(self) -> bool:
        """Whether an image is the same whatever others are in its batch."""
        return self._running and not self._generator.mixes

    def _together(self, params: Params, buffers: Buffers, latents: Tensor, asked: Tensor | None) -> Tensor:
        """Return images [P, k · BATCH, C, H, W] of latents [k, BATCH, Z], each batch as if it were alone."""
        members = len(next(iter(params.values())))

        def made(latents: Tensor, asked: Tensor | None) -> Tensor:
            labels = None if asked is None else asked.expand(members, -1, -1)
            z = latents.expand(members, -1, -1)
            return self._generator(params, buffers, z, labels, training=not self._running)[0]

        if len(latents) == 1 or self._apart:
            return made(latents.flatten(0, 1), None if asked is None else asked.flatten(0, 1))
        mapped: Tensor = vmap(made, (0, None if asked is None else 0), 1)(latents, asked)
        return mapped.flatten(1, 2)


def _finite(states: Sequence[State]) -> list[bool]:
    """Return whether all numbers of each state are finite."""
    tensors = [[leaf for leaf in leaves(state) if leaf.numel()] for state in states]
    # Of many tensors at once: one after another they are a thousand launches. A largest value that is nan stays so.
    largest = torch._foreach_norm([leaf for own in tensors for leaf in own], torch.inf)
    found = torch.stack(largest).isfinite().tolist()
    ends = accumulate(len(own) for own in tensors)
    return [all(found[end - len(own) : end]) for own, end in zip(tensors, ends, strict=True)]


def fresh(count: int, z_size: int, rng: Random) -> NDArray[np.float32]:
    """Draw at least `count` latents, [batches, BATCH, Z]; the first ones do not depend on how many follow."""
    return rng.standard_normal((-(-count // BATCH), BATCH, z_size), np.float32)


def in_batches(rows: NDArray[T]) -> NDArray[T]:
    """Return rows [N, …] as [batches, BATCH, …]; the last batch is filled up with the first ones, again and again."""
    batches = -(-len(rows) // BATCH)
    return np.resize(rows, (batches, BATCH, *rows.shape[1:]))


def generating(state: State) -> dict[str, Tensor]:
    """Return what images are made with: the average of a member's generator if one is kept."""
    return weights(state["g"].get("average", state["g"]))


def to_uint8(images: Tensor) -> Tensor:
    """Return images [..., C, H, W] in [-1, 1] as uint8[..., H, W, C]."""
    # To a whole number it is cut off, which for what is not negative is rounding down.
    return (127.5 * images).add_(128).clamp_(0, 255).to(torch.uint8).movedim(-3, -1).contiguous()

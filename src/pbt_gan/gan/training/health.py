"""Health checks of members on their way through an order: looked at on the device, and read when nobody has to wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pbt_gan.core.rng import stream
from pbt_gan.gan.nets.net import Net
from pbt_gan.gan.training.stacking import State
from pbt_gan.gan.training.step import named, weights
from pbt_gan.interfaces import Health

SAMPLES = 64
"""Images whose diversity is measured."""

FALL = 0.2
"""Share of the diversity that a generator had in this order, or an untrained one has: below it, it has lost it."""

IN_A_ROW = 2
"""Looks, one after the other, that must find a generator collapsed: some pass through a moment of likeness early."""


def diversity(images: Tensor) -> Tensor:
    """Return how different images are, [P] for images [P, N, ...]: the mean distance of each to its nearest other one.

    It is small where all are alike, and also where there are a few kinds and the images of a kind are alike.

    >>> diversity(torch.tensor([[[0.0], [1.0], [3.0]], [[2.0], [2.0], [2.0]]])).tolist()
    [1.3333333730697632, 0.0]
    """
    flat = images.flatten(2).float()
    gaps = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    itself = torch.eye(gaps.shape[1], dtype=torch.bool, device=gaps.device)
    return gaps.masked_fill(itself, torch.inf).amin(2).mean(1)


class Diversity:
    """How different the images of generators are, as a share of how different real ones are.

    Args:
        generator: the net.
        reals: as many real images as are looked at, [N, C, H, W], where members train.
        z_size: latent numbers an image.
        labels: [N, K], what is asked for, of a net that knows classes.
        running: whether it is shown with the buffers that are kept.
    """

    def __init__(
        self, generator: Net, reals: Tensor, z_size: int, labels: Tensor | None = None, *, running: bool = False
    ) -> None:
        self._generator = generator
        self._labels = labels
        self._running = running
        latents = stream(0, "diversity").standard_normal((len(reals), z_size))
        self._latents = torch.from_numpy(latents).to(reals.device, reals.dtype)
        self._of_reals = diversity(reals.unsqueeze(0)).clamp(min=torch.finfo(torch.float32).tiny)

    @torch.no_grad()
    def __call__(self, g: State) -> Tensor:
        """Return that of each member of a team, [P], by its latest weights, not by their average."""
        params, buffers = named(self._generator, weights(g))
        members = len(g["params"])
        asked = None if self._labels is None else self._labels.expand(members, -1, -1)
        latents = self._latents.expand(members, -1, -1)
        images, _ = self._generator(params, buffers, latents, asked, training=not self._running)
        return diversity(images) / self._of_reals


Sight = Mapping[str, float]
"""What a look has found of one member, by names."""

_DIVERSITY = "diversity"
_WEIGHTS = "weights"


class Look:
    """A look at those who train together, on its way to the host while the device goes on.

    Args:
        state: of the group, as it is now.
        losses: and whatever else was told, of the last steps, each [S, P].
        diversity: measures the generators' images; None: nobody asks.
        after: steps of the order up to here.
    """

    def __init__(self, state: State, losses: Mapping[str, Tensor], diversity: Diversity | None, after: int) -> None:
        self.after = after
        # A largest value that is nan or infinite stays so.
        found = {name: each.abs().amax(0) for name, each in losses.items()}
        found[_WEIGHTS] = sum(state[net]["params"].abs().amax(1) for net in ("g", "d"))
        if diversity is not None:
            found[_DIVERSITY] = diversity(state["g"])
        self._names = list(found)
        self._found = torch.stack([each.double() for each in found.values()], 1).to("cpu", non_blocking=True)
        device = state["g"]["params"].device  # from a GPU it goes into pinned memory
        self._sent = torch.cuda.current_stream(device).record_event() if device.type == "cuda" else None

    def sights(self) -> list[Sight]:
        """Return what was found of each member; waits for this look only, not for what the device does since."""
        if self._sent is not None:
            self._sent.synchronize()
        return [dict(zip(self._names, row, strict=True)) for row in self._found.tolist()]


@dataclass
class Condition:
    """What is known of one member's health within an order."""

    health: Health
    most: float = 0.0  # diversity that it had; at first what an untrained generator has
    _alike: int = field(default=0, init=False)  # looks in a row that found it collapsed

    def seen(self, sight: Sight) -> str:
        """Take a look in; return what is wrong, "": nothing."""
        for name, value in sight.items():
            if name == _DIVERSITY:
                continue
            if not abs(value) < float("inf"):
                return f"{name} {'are' if name == _WEIGHTS else 'is'} not finite"
            if "loss" in name and value > self.health.max_loss:
                return f"{name} is {value:.3g} in size, above health.max_loss = {self.health.max_loss:g}"
        return self._collapsed(sight[_DIVERSITY]) if _DIVERSITY in sight else ""

    def _collapsed(self, now: float) -> str:
        self.most = max(self.most, now)
        collapsed = now < self.health.collapse and now < FALL * self.most
        self._alike = self._alike + 1 if collapsed else 0
        if self._alike < IN_A_ROW:
            return ""
        return f"the generator has collapsed: its images differ by {now:.2g} of what real ones do"

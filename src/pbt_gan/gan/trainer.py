"""One worker's side of the GAN task: images, nets and the loop over steps, on one device."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray
from torch import Tensor

from pbt_gan.core.population import Hyperparams
from pbt_gan.gan.draws import Needs, draw
from pbt_gan.gan.group import State, stacked
from pbt_gan.gan.losses import LOSSES
from pbt_gan.gan.models import Discriminator, Generator, initial_params
from pbt_gan.gan.settings import GanSettings, Scalars
from pbt_gan.gan.step import CriticBatch, Step
from pbt_gan.interfaces import Streams, Training

BLOCK = 50
"""Steps whose random numbers come from one stream and are sent to the device together."""

SAMPLE_BATCH = 100
"""Images are always made in batches of this size, whatever their number: batch norm may depend on it."""


class Trainer:
    """Trains members, one after another.

    Args:
        settings: of the task.
        images: uint8[N, H, W, C].
        device: where everything lies.
    """

    def __init__(self, settings: GanSettings, images: NDArray[np.uint8], device: str) -> None:
        self._settings = settings
        self._device = device
        self._dtype = torch.float64 if settings.dtype == "float64" else torch.float32
        self._images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)
        self._step = make_step(settings, images.shape[1], images.shape[3])
        self._needs = Needs(len(images), settings.batch_size, settings.z_size, mix=self._step.penalised)

    def init(self, rng: Random) -> State:
        """Return a member with random weights."""
        g, d = (
            initial_params(net.layout, self._settings.init, rng).to(self._device, self._dtype)
            for net in (self._step.generator, self._step.discriminator)
        )
        return self._step.initial_state(g, d, average=self._settings.ema)

    def train(self, state: State, hyperparams: Hyperparams, steps: int, streams: Streams) -> Training:
        """Take `steps` steps, in place where the state lies on this device."""
        state = placed(state, self._device)
        group, hyper = stacked([state]), self._hyper(hyperparams)
        n_critic = int(hyper.pop("n_critic"))
        losses: defaultdict[str, list[Tensor]] = defaultdict(list)
        for block, start in enumerate(range(0, steps, BLOCK)):
            count = min(BLOCK, steps - start)
            draws = draw(self._needs, count, n_critic, streams(block), self._dtype, self._device)
            for indices, z, mix in zip(draws.indices, draws.z, draws.mix, strict=True):
                real = self._images[indices].to(self._dtype) / 127.5 - 1
                critic = [CriticBatch(real[None, k], z[None, k], mix[None, k]) for k in range(n_critic)]
                for name, value in self._step(group, hyper, critic, z[None, -1]).items():
                    losses[name].append(value)
        return Training(
            state,
            hyperparams={name: n_critic if name == "n_critic" else hyper[name].item() for name in hyperparams},
            metrics={name: float(torch.stack(values).double().mean()) for name, values in losses.items()},
            images=steps * n_critic * self._needs.batch_size,
        )

    def generate(self, state: State, count: int, rng: Random) -> Tensor | None:
        """Return images of fresh latents, uint8[count, H, W, C]; None: the member has diverged."""
        if not all(bool(leaf.isfinite().all()) for leaf in leaves(state)):
            return None
        images = self._generated(state, count, rng)
        return to_uint8(images) if bool(images.isfinite().all()) else None

    def show(self, state: State, count: int, rng: Random) -> NDArray[np.uint8]:
        """Return images of fresh latents, uint8[count, H, W, C]; grey where they are not finite."""
        return to_uint8(self._generated(state, count, rng).nan_to_num(0.0)).cpu().numpy()

    @torch.no_grad()
    def _generated(self, state: State, count: int, rng: Random) -> Tensor:
        """Return [count, C, H, W] in [-1, 1]. The first images do not depend on how many follow."""
        generator, g = self._step.generator, placed(state["g"], self._device)
        g = g.get("average", g)
        params = generator.layout.views(g["params"][None])
        running = self._settings.sampling_norm == "running"
        statistics = generator.statistics.views(g["statistics"][None]) if running else None
        batches = -(-count // SAMPLE_BATCH)
        z = rng.standard_normal((batches, SAMPLE_BATCH, generator.z_size), np.float32)
        latents = torch.from_numpy(z).to(self._device, self._dtype)
        return torch.cat([generator(params, batch[None], statistics)[0][0] for batch in latents])[:count]

    def _hyper(self, hyperparams: Hyperparams) -> dict[str, Tensor]:
        """Return every scalar as a tensor. float64 and int64 hold the ordered values exactly, so `==` compares them."""
        values = {name: getattr(self._settings, name) for name in Scalars.model_fields} | dict(hyperparams)
        n_critic = values.pop("n_critic")  # counts a loop, so it stays off the device: reading it there would wait
        hyper = {
            name: torch.tensor([[value]], dtype=torch.float64, device=self._device) for name, value in values.items()
        }
        return hyper | {"n_critic": torch.tensor(n_critic, dtype=torch.int64)}


def make_step(settings: GanSettings, size: int, channels: int) -> Step:
    """Return the step for images of size × size pixels."""
    compute = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}[settings.dtype]
    settings = settings.resolved(size)
    nets: dict[str, Any] = {
        "size": size,
        "channels": channels,
        "width": settings.width,
        "kernel": settings.kernel,
        "full_size_layer": settings.full_size_layer,
        "bias_before_norm": settings.bias_before_norm,
        "compute": compute,
    }
    return Step(
        Generator(z_size=settings.z_size, **nets),
        Discriminator(norm=settings.discriminator_norm, **nets),
        LOSSES[settings.loss],
        penalised=settings.loss == "wgan-gp",
        discriminator_loss_scale=settings.discriminator_loss_scale,
        batch_size=settings.batch_size,
    )


def to_uint8(images: Tensor) -> Tensor:
    """Return images [N, C, H, W] in [-1, 1] as uint8[N, H, W, C]."""
    return (127.5 * images + 128).floor().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def placed(state: Mapping[str, Any], device: str) -> State:
    """Return a state on a device; tensors that lie there already are the same ones."""
    return {
        name: placed(part, device) if isinstance(part, Mapping) else part.to(device) for name, part in state.items()
    }


def leaves(state: Mapping[str, Any]) -> list[Tensor]:
    """Return the tensors of a state."""
    found: list[Tensor] = []
    for part in state.values():
        found += leaves(part) if isinstance(part, Mapping) else [part]
    return found

"""The nets of a preset as people write them by hand: ordinary modules, torch's Adam, members one after another.

Shapes, losses, batch and random draws are those of `pbt_gan.gan`; nothing of its code trains here.
"""

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.random import Generator as Random
from torch import Tensor, nn
from torch.nn.functional import softplus

from pbt_gan.gan.nets import dcgan
from pbt_gan.gan.nets.blocks import SLOPE
from pbt_gan.gan.nets.dcgan import initial_params
from pbt_gan.gan.nets.layout import Layout
from pbt_gan.gan.nets.sizes import halvings
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import make_step
from pbt_gan.gan.training.sampler import BATCH, to_uint8

DISCRIMINATOR_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "non-saturating": lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    "wgan-gp": lambda real, fake: fake.mean() - real.mean(),
}
GENERATOR_LOSSES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "non-saturating": lambda fake: softplus(-fake).mean(),
    "wgan-gp": lambda fake: -fake.mean(),
}


def generator(net: dcgan.Generator) -> nn.Sequential:
    """Return the same net as modules; its parameters come in the order of `net.layout`."""
    widths, side = net.widths, net.size >> halvings(net.size)
    features = widths[0] * side**2
    layers = [
        nn.Linear(net.z_size, features, bias=net.bias_before_norm),
        nn.BatchNorm1d(features),
        nn.ReLU(),
        nn.Unflatten(1, (widths[0], side, side)),
    ]
    for n in range(1, halvings(net.size) + 1):
        last = n == len(widths)
        layers.append(
            nn.ConvTranspose2d(
                widths[n - 1],
                net.channels if last else widths[n],
                net.kernel,
                stride=2,
                padding=(net.kernel - 1) // 2,
                output_padding=net.kernel % 2,
                bias=last or net.bias_before_norm,
            )
        )
        if not last:
            layers += [nn.BatchNorm2d(widths[n]), nn.ReLU()]
    if net.full_size_layer:
        layers.append(nn.Conv2d(net.width, net.channels, 3, padding=1))
    return nn.Sequential(*layers, nn.Tanh())


def discriminator(net: dcgan.Discriminator) -> nn.Sequential:
    """Return the same net as modules; its parameters come in the order of `net.layout`."""
    layers: list[nn.Module] = []
    ins = net.channels
    if net.full_size_layer:
        layers += [nn.Conv2d(ins, net.width, 3, padding=1), nn.LeakyReLU(SLOPE)]
        ins = net.width
    for n, outs in enumerate(net.widths[-halvings(net.size) :], start=1):
        normalised = net.batch_norm and (n > 1 or net.full_size_layer)
        bias = not normalised or net.bias_before_norm
        layers.append(nn.Conv2d(ins, outs, net.kernel, stride=2, padding=(net.kernel - 1) // 2, bias=bias))
        if normalised:
            # Always the statistics of the batch, so there are none to keep.
            layers.append(nn.BatchNorm2d(outs, track_running_stats=False))
        layers.append(nn.LeakyReLU(SLOPE))
        ins = outs
    side = net.size >> halvings(net.size)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(ins * side**2, 1), nn.Flatten(0))


@torch.no_grad()
def load(module: nn.Module, layout: Layout, flat: Tensor) -> None:
    """Copy our parameters [N] into the modules."""
    for parameter, value in zip(module.parameters(), layout.views(flat).values(), strict=True):
        parameter.copy_(value)


class Member:
    """One GAN with its two optimisers.

    Args:
        settings: of the task; `dtype` bfloat16 is autocast, as people do it.
        images: uint8[N, C, H, W], where it is to be trained.
        rng: for the initial weights.
    """

    def __init__(self, settings: GanSettings, images: Tensor, rng: Random) -> None:
        size, channels = images.shape[-1], images.shape[1]
        nets = make_step(settings, size, channels)
        self._settings = settings
        self._images = images
        self._dtype = torch.float64 if settings.dtype == "float64" else torch.float32
        assert isinstance(nets.generator, dcgan.Generator)
        assert isinstance(nets.discriminator, dcgan.Discriminator)
        self.generator = generator(nets.generator)
        self.discriminator = discriminator(nets.discriminator)
        for module, layout in (
            (self.generator, nets.generator.layout),
            (self.discriminator, nets.discriminator.layout),
        ):
            load(module, layout, initial_params(layout, settings.init, rng))
            module.to(images.device, self._dtype)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self._generator_parameters = list(self.generator.parameters())
        self._discriminator_parameters = list(self.discriminator.parameters())
        self.generator_optimizer = self._adam(self._generator_parameters, settings.lr_g)
        self.discriminator_optimizer = self._adam(self._discriminator_parameters, settings.lr_d)
        self._decay = 0.5 ** (settings.batch_size / (1_000 * settings.ema_half_life_kimg))

    def twin(self) -> "Member":
        """Return another that is at the same place, on the same images."""
        return copy.deepcopy(self, {id(self._images): self._images})

    def train(self, steps: int) -> None:
        """Take some steps."""
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        """Take one step. Nothing in it waits for a GPU, so it can be captured."""
        for _ in range(self._settings.n_critic):
            chosen = torch.randint(len(self._images), (self._settings.batch_size,), device=self._images.device)
            real = self._images[chosen].to(self._dtype) / 127.5 - 1
            loss = self.discriminator_loss(real, self._latents(), self._uniform())
            self.discriminator_optimizer.zero_grad()
            torch.autograd.backward(loss, inputs=self._discriminator_parameters)
            self.discriminator_optimizer.step()
        loss = self.generator_loss(self._latents())
        self.generator_optimizer.zero_grad()
        # Only the generator's gradients: those of the discriminator's weights would be thrown away.
        torch.autograd.backward(loss, inputs=self._generator_parameters)
        self.generator_optimizer.step()
        if self._settings.ema:
            self._follow()

    @torch.no_grad()
    def sample(self, count: int, rng: Random) -> Tensor:
        """Return images of the average, uint8[count, H, W, C]."""
        z = rng.standard_normal((count, self._settings.z_size), np.float32)
        latents = torch.from_numpy(z).to(self._images.device, self._dtype)
        self.average.train(self._settings.sampling_norm == "batch")
        return to_uint8(torch.cat([self.average(batch) for batch in torch.split(latents, BATCH)]))

    def state_dict(self) -> dict[str, Any]:
        """Return all that there is to go on from."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def set_rates(self, lr_g: float, lr_d: float) -> None:
        """Change the learning rates."""
        self.generator_optimizer.param_groups[0]["lr"] = lr_g
        self.discriminator_optimizer.param_groups[0]["lr"] = lr_d

    def discriminator_loss(self, real: Tensor, z: Tensor, mix: Tensor) -> Tensor:
        """Return the loss of real images [B, C, H, W] against those of latents [B, Z]; `mix`: [B] in [0, 1)."""
        with torch.no_grad(), self._autocast():
            fake = self.generator(z)
        fake = fake.to(self._dtype)
        with self._autocast():
            on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        loss = DISCRIMINATOR_LOSSES[self._settings.loss](on_real.to(self._dtype), on_fake.to(self._dtype))
        loss = self._settings.discriminator_loss_scale * loss
        if self._settings.loss == "wgan-gp":
            loss = loss + self._settings.gp_weight * self._penalty(real, fake, mix)
        return loss

    def generator_loss(self, z: Tensor) -> Tensor:
        """Return the loss of the images of latents [B, Z]."""
        with self._autocast():
            logits = self.discriminator(self.generator(z))
        return GENERATOR_LOSSES[self._settings.loss](logits.to(self._dtype))

    def _parts(self) -> Mapping[str, nn.Module | torch.optim.Optimizer]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def _penalty(self, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
        between = (real + mix.view(-1, 1, 1, 1) * (fake - real)).requires_grad_()
        with self._autocast():
            logits = self.discriminator(between)
        (gradients,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
        return ((gradients.flatten(1).square().sum(1) + 1e-12).sqrt() - 1).square().mean()

    def _follow(self) -> None:
        """Move the average towards the generator, the statistics of its batch norms included."""
        for kind in (nn.Module.parameters, nn.Module.buffers):
            average, latest = (
                [tensor for tensor in kind(net) if tensor.is_floating_point()] for net in (self.average, self.generator)
            )
            torch._foreach_lerp_(average, [tensor.detach() for tensor in latest], 1 - self._decay)

    def _adam(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Adam:
        betas = (self._settings.beta1, self._settings.beta2)
        return torch.optim.Adam(parameters, lr, betas, fused=True, capturable=self._images.is_cuda)

    def _latents(self) -> Tensor:
        shape = (self._settings.batch_size, self._settings.z_size)
        return torch.randn(shape, dtype=self._dtype, device=self._images.device)

    def _uniform(self) -> Tensor:
        return torch.rand(self._settings.batch_size, dtype=self._dtype, device=self._images.device)

    def _autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self._images.device.type, torch.bfloat16, enabled=self._settings.dtype == "bfloat16")


class OneAfterAnother:
    """Members that take turns."""

    def __init__(self, members: list[Member]) -> None:
        self._members = members

    def train(self, steps: int) -> None:
        """Take some steps with each."""
        for member in self._members:
            member.train(steps)


class OneGraphEach:
    """Members that take turns on a GPU, the step of each captured as one graph.

    They never run at the same time, so the graphs share their memory.
    """

    def __init__(self, members: list[Member]) -> None:
        self._members = members  # the graphs write into their tensors
        pool = torch.cuda.graph_pool_handle()
        self._graphs = [_captured(member, pool) for member in members]

    def train(self, steps: int) -> None:
        """Take some steps with each."""
        for graph in self._graphs:
            for _ in range(steps):
                graph.replay()


def _captured(member: Member, pool: Any) -> torch.cuda.CUDAGraph:
    # First on a stream of its own: Adam makes its moments and libraries choose their kernels.
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        member.train(3)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        member.step()
    return graph

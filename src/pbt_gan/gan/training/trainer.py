"""One worker's training of the GAN task: images, nets and the loop over steps, on one device."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray
from torch import Tensor

from pbt_gan.core.population import Hyperparams
from pbt_gan.gan.games.losses import LOSSES
from pbt_gan.gan.nets.dcgan import Discriminator, Generator, initial_params
from pbt_gan.gan.nets.layers import layers_for
from pbt_gan.gan.settings import GanSettings, Scalars
from pbt_gan.gan.training.draws import Needs, draw
from pbt_gan.gan.training.stacking import State
from pbt_gan.gan.training.step import CriticBatch, Step
from pbt_gan.gan.training.team import Look, Team, Trainee
from pbt_gan.interfaces import Streams, Training

BLOCK = 50
"""Steps whose random numbers come from one stream and are sent to the device together."""

LAG = 2
"""Blocks after which the host reads who is finite: by then the device has told, and nobody waits."""


class Trainer:
    """Trains members.

    Args:
        settings: of the task.
        images: uint8[N, H, W, C].
        device: where everything lies.
    """

    def __init__(self, settings: GanSettings, images: NDArray[np.uint8], device: str) -> None:
        self.step = make_step(settings, images.shape[1], images.shape[3], device)
        self._settings = settings
        self._device = device
        self._dtype = torch.float64 if settings.dtype == "float64" else torch.float32
        self._images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)
        self._needs = Needs(len(images), settings.batch_size, settings.z_size, mix=self.step.penalised)

    def init(self, rng: Random) -> State:
        """Return a member with random weights."""
        g, d = (
            initial_params(net.layout, self._settings.init, rng).to(self._device, self._dtype)
            for net in (self.step.generator, self.step.discriminator)
        )
        return self.step.initial_state(g, d, average=self._settings.ema)

    def train(
        self, states: Sequence[State], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> list[Training]:
        """Take `steps` steps with each member, in place where a state is alone and lies on this device.

        One whose weights are not finite any more is trained no further, `LAG` blocks later. Where the bits of a member
        would depend on its group on a CPU, there are groups of one only; they would be no slower.
        """
        if self._device == "cpu" and not self.step.generator.layers.exact and len(states) > 1:
            members = zip(states, hyperparams, streams, strict=True)
            return [self.train([state], [values], steps, [blocks])[0] for state, values, blocks in members]
        trainees = [self._trainee(*member) for member in zip(states, hyperparams, streams, strict=True)]
        team = Team(trainees, self._device)
        looks: deque[Look] = deque()
        for block, start in enumerate(range(0, steps, BLOCK)):
            lost = looks.popleft().lost() if len(looks) == LAG else set()
            rest = [trainee for trainee in team.trainees if trainee not in lost]
            if len(rest) < len(team.trainees):
                team.dissolve()
                if not rest:
                    break
                team = Team(rest, self._device)
            self._train_block(team, block, min(BLOCK, steps - start))
            looks.append(Look(team))
        team.dissolve()
        return [self._training(trainee, values) for trainee, values in zip(trainees, hyperparams, strict=True)]

    def _trainee(self, state: State, hyperparams: Hyperparams, streams: Streams) -> Trainee:
        scalars = {name: getattr(self._settings, name) for name in Scalars.model_fields} | dict(hyperparams)
        n_critic = scalars.pop("n_critic")  # counts a loop, so it stays off the device: reading it there would wait
        return Trainee(state, scalars, n_critic, streams)

    def _train_block(self, team: Team, block: int, steps: int) -> None:
        n_critic = [trainee.n_critic for trainee in team.trainees]
        rngs = [trainee.streams(block) for trainee in team.trainees]
        draws = draw(self._needs, steps, n_critic, rngs, self._dtype, self._device)
        losses = []
        for step in range(steps):
            critic = [
                CriticBatch(self._real(each.indices[step]), each.z[step], each.mix[step]) for each in draws.critic
            ]
            losses.append(self.step(team.state, team.hyper, critic, draws.z[step]))
        team.note(losses)

    def _real(self, indices: Tensor) -> Tensor:
        return self._images[indices].to(self._dtype) / 127.5 - 1

    def _training(self, trainee: Trainee, ordered: Hyperparams) -> Training:
        used = {**trainee.scalars, "n_critic": trainee.n_critic}
        return Training(
            trainee.state,
            hyperparams={name: used[name] for name in ordered},
            metrics=trainee.metrics(),
            images=trainee.steps * trainee.n_critic * self._needs.batch_size,
        )


def make_step(settings: GanSettings, size: int, channels: int, device: str = "cpu") -> Step:
    """Return the step for images of size × size pixels on a device."""
    compute = {"float64": torch.float64, "bfloat16": torch.bfloat16}.get(settings.dtype, torch.float32)
    settings = settings.resolved(size)
    nets: dict[str, Any] = {
        "size": size,
        "channels": channels,
        "width": settings.width,
        "kernel": settings.kernel,
        "full_size_layer": settings.full_size_layer,
        "bias_before_norm": settings.bias_before_norm,
        "layers": layers_for(size, compute, device),
    }
    return Step(
        Generator(z_size=settings.z_size, **nets),
        Discriminator(norm=settings.discriminator_norm, **nets),
        LOSSES[settings.loss],
        penalised=settings.loss == "wgan-gp",
        discriminator_loss_scale=settings.discriminator_loss_scale,
        batch_size=settings.batch_size,
    )

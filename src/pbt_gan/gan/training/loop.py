"""One worker's training of the GAN task: images, nets and the loop over steps, on one device."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.core.rng import stream
from pbt_gan.gan.choices import CHOICES, chosen
from pbt_gan.gan.data.source import ImageSource
from pbt_gan.gan.nets.layers import layers_for
from pbt_gan.gan.nets.net import ImageShape
from pbt_gan.gan.nets.table import find_architecture, make_nets
from pbt_gan.gan.settings import DType, GanSettings, Scalars
from pbt_gan.gan.training.draws import Destination, Needs, Numbers, draw
from pbt_gan.gan.training.health import SAMPLES, Condition, Diversity, Look
from pbt_gan.gan.training.stacking import State, stacked
from pbt_gan.gan.training.step import Batch, Step
from pbt_gan.gan.training.team import Team, Trainee
from pbt_gan.interfaces import Health, Streams, Training

Chosen = tuple[tuple[str, Value], ...]
"""What members have chosen: names and values."""

BLOCK = 50
"""Steps whose random numbers come from one stream and are sent to the device together."""

LAG = 2
"""Looks after which the host reads the first of them: by then the device has told, and nobody waits."""


class Loop:
    """Trains members.

    Args:
        settings: of the task.
        step: what a step computes.
        images: the real ones.
        device: where everything lies.
        labels: int64[N], the classes of the images, if the nets know of classes.
        classes: how many there are.
        health: what is looked at while members train.
    """

    def __init__(
        self,
        settings: GanSettings,
        step: Step,
        images: ImageSource,
        device: str,
        labels: NDArray[np.int64] | None = None,
        classes: int = 0,
        health: Health | None = None,
    ) -> None:
        self.step = step
        self._settings = settings
        self._images = images
        self._device = device
        self._dtype = dtype_of(settings)
        self._steps: dict[Chosen, Step] = {(): step}  # by what members may choose instead of what is set
        # A row for each class, with a 1 at its place; looked up where the indices go.
        self._labels = None if labels is None else torch.from_numpy(labels).to(images.device)
        self._classes = classes
        self._health = health or Health()
        self._diversity = self._measuring() if self._health.collapse else None
        self._untrained = 0.0 if self._diversity is None else self._of_untrained(self._diversity)

    def init(self, rng: Random) -> State:
        """Return a member with random weights."""
        g, d = (
            net.initial_params(rng).to(self._device, self._dtype)
            for net in (self.step.generator, self.step.discriminator)
        )
        return self.step.initial_state(g, d, average=self._settings.ema)

    def train(
        self, states: Sequence[State], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> list[Training]:
        """Take `steps` steps with each member, in place where a state is alone and lies on this device.

        One that has diverged, by the health checks, is trained no further, `LAG` looks later. Members that have chosen
        different games are groups of their own. Where the bits of a member would depend on its group on a CPU, there
        are groups of one only; they would be no slower.
        """
        alone = self._device == "cpu" and not (self.step.generator.exact and self.step.discriminator.exact)
        trainees = [self._trainee(*member) for member in zip(states, hyperparams, streams, strict=True)]
        groups: dict[tuple[Chosen, int], list[Trainee]] = {}
        for place, trainee in enumerate(trainees):
            groups.setdefault((tuple(trainee.choices.items()), place if alone else 0), []).append(trainee)
        for (choices, _), group in groups.items():
            self._train_group(self._step_of(choices), group, steps)
        return [self._training(trainee, values) for trainee, values in zip(trainees, hyperparams, strict=True)]

    def _trainee(self, state: State, hyperparams: Hyperparams, streams: Streams) -> Trainee:
        scalars = {name: hyperparams.get(name, getattr(self._settings, name)) for name in Scalars.model_fields}
        choices = {name: hyperparams[name] for name in CHOICES if name in hyperparams}
        return Trainee(state, scalars, choices, streams)

    def _step_of(self, choices: Chosen) -> Step:
        """Return the step of members that have chosen this: the same nets, in another game."""
        if choices not in self._steps:
            self._steps[choices] = replace(self.step, game=chosen(self._settings, dict(choices)).game)
        return self._steps[choices]

    def _train_group(self, step: Step, trainees: Sequence[Trainee], steps: int) -> None:
        """Train members side by side; what has become of them stands in the trainees."""
        team = Team(trainees, self._device)
        round_ = _Round(self._health, self._diversity, self._untrained)
        round_.look(team, 0)
        for block, start in enumerate(range(0, steps, BLOCK)):
            if round_.judged(LAG - 1):
                rest = [trainee for trainee in team.trainees if not trainee.diverged]
                team.dissolve()
                if not rest:
                    return
                team = Team(rest, self._device)
            self._train_block(step, team, block, min(BLOCK, steps - start))
            round_.look(team, min(start + BLOCK, steps), last=start + BLOCK >= steps)
        team.dissolve()
        round_.judged(0)

    def _train_block(self, step: Step, team: Team, block: int, steps: int) -> None:
        n_critic = [trainee.n_critic for trainee in team.trainees]
        rngs = [trainee.streams(block) for trainee in team.trainees]
        destination = Destination(self._dtype, self._device, self._images.device)
        draws = draw(self._needs(step), steps, n_critic, rngs, destination)
        for numbers in (*draws.critic, draws.generator):
            if "indices" in numbers:
                self._images.expect(numbers["indices"])
        losses = []
        for number in range(steps):
            critic = [self._batch(numbers, number) for numbers in draws.critic]
            generator = self._batch(draws.generator, number)
            of_step, used = step(team.state, team.hyper, critic, generator, block * BLOCK + number)
            losses.append(of_step)
        team.note(losses, used)

    def _needs(self, step: Step) -> Needs:
        settings, shape = self._settings, step.shape
        return Needs(
            len(self._images),
            settings.batch_size,
            settings.z_size,
            step.game,
            (shape.channels, shape.size, shape.size),
            step.generator.draws,
            step.discriminator.draws,
            flips=settings.flips,
            classes=self._classes > 0,
        )

    def _batch(self, numbers: Numbers, step: int) -> Batch:
        batch = {name: each[step] for name, each in numbers.items()}
        if "asked" in batch:
            batch["fake_labels"] = self._labelled(batch.pop("asked"))
        if "indices" in batch:
            indices = batch.pop("indices")
            batch["real"] = self._images.take(indices)
            if "flips" in batch:
                mirrored = (batch.pop("flips") < 0.5)[..., None, None, None]
                batch["real"] = torch.where(mirrored, batch["real"].flip(-1), batch["real"])
            if self._labels is not None:
                batch["real_labels"] = self._labelled(indices)
        return batch

    def _labelled(self, indices: Tensor) -> Tensor:
        """Return the classes of images, a 1 at the place of each, [m, B, K]."""
        assert self._labels is not None
        return one_hot(self._labels[indices], self._classes).to(self._device, self._dtype, non_blocking=True)

    def _training(self, trainee: Trainee, ordered: Hyperparams) -> Training:
        return Training(
            trainee.state,
            # One that was used nowhere is left out, and the engine stops the run.
            hyperparams={name: trainee.used[name] for name in ordered if name in trainee.used},
            metrics=trainee.metrics(),
            images=trainee.steps * trainee.n_critic * self._settings.batch_size,
            diverged=trainee.diverged,
        )

    def _measuring(self) -> Diversity:
        """Return what measures the diversity of generators against that of images spread over the data."""
        count = min(SAMPLES, len(self._images))
        places = torch.linspace(0, len(self._images) - 1, count).long()
        labels = None
        if self._labels is not None:
            labels = self._labelled(places.to(self._labels.device))
        return Diversity(
            self.step.generator,
            self._images.take(places.to(self._images.device)),
            self._settings.z_size,
            labels,
            running=self._settings.sampling_norm == "running",
        )

    def _of_untrained(self, diversity: Diversity) -> float:
        """Return the diversity of a generator with random weights."""
        return float(diversity(stacked([self.init(stream(0, "diversity"))])["g"]))


class _Round:
    """The health checks of one group in one order.

    Args:
        health: what is looked at, and how often.
        diversity: measures generators; None: nobody asks.
        untrained: what it is of one with random weights.
    """

    def __init__(self, health: Health, diversity: Diversity | None, untrained: float) -> None:
        self._health = health
        self._diversity = diversity
        self._untrained = untrained
        self._looks: deque[tuple[Look, Sequence[Trainee]]] = deque()
        self._conditions: dict[Trainee, Condition] = {}
        self._looked = 0  # steps of the order up to the last look

    def look(self, team: Team, after: int, *, last: bool = False) -> None:
        """Look at a team if it is time, or if this is the end of the order."""
        if last or after == 0 or after - self._looked >= self._health.every_steps:
            self._looks.append((Look(team.state, team.losses, self._diversity, after), team.trainees))
            self._looked = after

    def judged(self, most: int) -> bool:
        """Judge by the oldest looks until at most so many are left; return whether anybody has diverged by them."""
        found = False
        while len(self._looks) > most:
            look, trainees = self._looks.popleft()
            for trainee, sight in zip(trainees, look.sights(), strict=True):
                known = self._conditions.setdefault(trainee, Condition(self._health, self._untrained))
                what = known.seen(sight)
                if what and not trainee.diverged:
                    trainee.diverged, found = f"{what}, {look.after} steps into its order", True
        return found


def make_step(settings: GanSettings, size: int, channels: int, device: str = "cpu", classes: int = 0) -> Step:
    """Return the step for images of size × size pixels, of so many classes if these are asked for, on a device."""
    shape = ImageShape(size, channels, classes)
    small = find_architecture(settings.net).patches_up_to
    layers = layers_for(size, compute_of(settings.dtype), device, small)
    return Step(
        *make_nets(settings.resolved(size), shape, layers),
        shape=shape,
        game=settings.game,
        discriminator_loss_scale=settings.discriminator_loss_scale,
        batch_size=settings.batch_size,
        penalty_interval=settings.penalty_interval,
        rampup=settings.ema_rampup if settings.ema else 0.0,
    )


def compute_of(dtype: DType) -> torch.dtype:
    """Return what the operands of products are cast to."""
    return {"float64": torch.float64, "bfloat16": torch.bfloat16}.get(dtype, torch.float32)


def dtype_of(settings: GanSettings) -> torch.dtype:
    """Return what weights are kept in."""
    return torch.float64 if settings.dtype == "float64" else torch.float32

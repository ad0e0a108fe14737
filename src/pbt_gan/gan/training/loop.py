"""One worker's training of the GAN task: images, nets and the loop over steps, on one device."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray

from pbt_gan.core.population import Hyperparams, Value
from pbt_gan.core.rng import stream
from pbt_gan.gan.choices import CHOICES, chosen
from pbt_gan.gan.data.source import ImageSource
from pbt_gan.gan.nets.layers import layers_for
from pbt_gan.gan.nets.net import ImageShape
from pbt_gan.gan.nets.table import find_architecture, make_nets
from pbt_gan.gan.settings import DType, GanSettings, Scalars
from pbt_gan.gan.training.batches import Batches
from pbt_gan.gan.training.draws import Destination, Drawn, Draws, Needs, drawn
from pbt_gan.gan.training.graphs import recorder_of
from pbt_gan.gan.training.health import SAMPLES, Condition, Diversity, Look
from pbt_gan.gan.training.replays import Replays
from pbt_gan.gan.training.stacking import State, stacked
from pbt_gan.gan.training.step import Step
from pbt_gan.gan.training.supply import supply
from pbt_gan.gan.training.team import Team, Trainee, metrics_of
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
        self._batches = Batches(images, device, self._dtype, labels, classes)
        self._recorder = recorder_of(device) if images.device == device else None  # what the host sends is not recorded
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
        ends = zip(trainees, hyperparams, metrics_of(trainees), strict=True)
        return [self._training(*end) for end in ends]

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
        # In a few steps from random weights nothing can be lost yet, and some nets have dead units only.
        long = steps >= min(self._health.every_steps, BLOCK)
        round_ = _Round(self._health, self._diversity if long else None, self._untrained)
        round_.look(team, 0)
        blocks = range(-(-steps // BLOCK))
        supplied, take = self._supplied(step, team, blocks, steps), self._taking(step, team, steps)
        for block in blocks:
            if round_.judged(LAG - 1):
                rest = [trainee for trainee in team.trainees if not trainee.diverged]
                team.dissolve()
                if not rest:
                    return
                team = Team(rest, self._device)
                supplied, take = self._supplied(step, team, blocks[block:], steps), self._taking(step, team, steps)
            start, end = block * BLOCK, min((block + 1) * BLOCK, steps)
            draws = next(supplied)
            self._batches.expect(draws)
            take(draws, start, end - start)
            round_.look(team, end, last=end == steps)
        team.dissolve()
        round_.judged(0)

    def _taking(self, step: Step, team: Team, steps: int) -> Callable[[Draws, int, int], None]:
        """Return what takes blocks of steps with a team: their numbers, the number of the first one, how many."""
        if self._recorder is not None and steps >= BLOCK:
            return Replays(step, team, self._batches, self._recorder).take

        def take(draws: Draws, start: int, steps: int) -> None:
            losses = []
            for number in range(steps):
                critic, generator = self._batches.of(draws, itemgetter(number))
                of_step, used = step(team.state, team.hyper, critic, generator, start + number)
                losses.append(of_step)
            team.note(losses, used)

        return take

    def _supplied(self, step: Step, team: Team, blocks: range, steps: int) -> Iterator[Draws]:
        """Return the numbers of these blocks of an order of so many steps."""
        needs, device = self._needs(step), self._device
        n_critic = [trainee.n_critic for trainee in team.trainees]

        def drawing(block: int) -> Callable[[], Drawn]:
            rngs = [trainee.streams(block) for trainee in team.trainees]
            return lambda: drawn(needs, min(BLOCK, steps - block * BLOCK), n_critic, rngs, device)

        return supply(drawing, blocks, Destination(self._dtype, device, self._images.device))

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
            classes=self._batches.classes > 0,
        )

    def _training(self, trainee: Trainee, ordered: Hyperparams, metrics: Mapping[str, float]) -> Training:
        return Training(
            trainee.state,
            # One that was used nowhere is left out, and the engine stops the run.
            hyperparams={name: trainee.used[name] for name in ordered if name in trainee.used},
            metrics=metrics,
            images=trainee.steps * trainee.n_critic * self._settings.batch_size,
            diverged=trainee.diverged,
        )

    def _measuring(self) -> Diversity:
        """Return what measures the diversity of generators against that of images spread over the data."""
        count = min(SAMPLES, len(self._images))
        places = torch.linspace(0, len(self._images) - 1, count).long()
        places = places.to(self._images.device)
        return Diversity(
            self.step.generator,
            self._images.take(places),
            self._settings.z_size,
            self._batches.labelled(places),
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

"""One training in three ways: member after member, all in one group, and groups of one under `torch.func.vmap`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.settings import GanSettings, Scalars
from pbt_gan.gan.training.loop import Loop, dtype_of, make_step
from pbt_gan.gan.training.stacking import State, leaves, stacked
from pbt_gan.gan.training.step import Batch, Losses, Step, weights
from pbt_gan.gan.training.used import Used

IMAGES = 20
CLASSES = 3
RATES = (1e-3, 3e-3, 2e-4)

Taken = tuple[Sequence[Batch], Batch, int]
"""What a step was made of."""


@dataclass(frozen=True)
class Recorder(Step):
    """A step that notes what it was made of."""

    taken: list[Any] = field(default_factory=list)

    def __call__(self, state, hyper, critic, batch, number=0):
        self.taken.append((critic, batch, number))
        return super().__call__(state, hyper, critic, batch, number)


def loop_of(settings: GanSettings, step: Step, size: int, channels: int) -> Loop:
    """Return what takes a step again and again, on random images."""
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, size, size, channels), np.uint8)
    classes = CLASSES if settings.conditional else 0
    labels = np.arange(IMAGES) % CLASSES if classes else None
    return Loop(settings, step, ImagesInMemory(images, "cpu", dtype_of(settings)), "cpu", labels, classes)


def alone(settings: GanSettings, size: int, channels: int, member: int, steps: int) -> tuple[State, list[Taken]]:
    """Train a member by itself, as a run does; return its state and what its steps were made of."""
    step = make(settings, size, channels)
    recorder = Recorder(**{each.name: getattr(step, each.name) for each in fields(step)})
    loop = loop_of(settings, recorder, size, channels)
    rates = dict.fromkeys(("lr_g", "lr_d"), RATES[member])
    (training,) = loop.train([newborn(step, settings, member)], [rates], steps, [partial(stream, 0, "train", member)])
    return training.state, recorder.taken


def make(settings: GanSettings, size: int, channels: int) -> Step:
    """Return the step of some settings."""
    return make_step(settings, size, channels, classes=CLASSES if settings.conditional else 0)


def newborn(step: Step, settings: GanSettings, member: int) -> State:
    """Return a member before training."""
    rng = stream(0, "init", member)
    g, d = (net.initial_params(rng).to(dtype_of(settings)) for net in (step.generator, step.discriminator))
    return step.initial_state(g, d, average=settings.ema)


def columns(settings: GanSettings, members: int) -> Mapping[str, Tensor]:
    """Return the scalars of a group."""
    values = {name: [getattr(settings, name)] * members for name in Scalars.model_fields if name != "n_critic"}
    values |= {name: list(RATES[:members]) for name in ("lr_g", "lr_d")}
    return {name: torch.tensor(each, dtype=torch.float64)[:, None] for name, each in values.items()}


def together(taken: Sequence[Sequence[Taken]]) -> list[Taken]:
    """Return what the steps of a group are made of, from those of its members."""

    def side_by_side(*batches: Batch) -> Batch:
        return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}

    steps: list[Taken] = []
    for each in zip(*taken, strict=True):
        critics, batches, numbers = zip(*each, strict=True)
        critic = [side_by_side(*updates) for updates in zip(*critics, strict=True)]
        steps.append((critic, side_by_side(*batches), numbers[0]))
    return steps


def step_by_vmap(
    step: Step, state: State, hyper: Mapping[str, Tensor], critic: Sequence[Batch], batch: Batch, number: int = 0
) -> Losses:
    """Take one step of all members: the same functions of groups of one, stacked by vmap."""
    step = replace(step, differentiate=partial(torch.func.grad_and_value, has_aux=True))
    g, d = state["g"], state["d"]
    memory = state["game"]["memory"] if "game" in state else torch.empty(len(g["params"]), 0)

    def of_one(gradients, *trees):
        def stacked_by_vmap(*own):
            *given, kept = tree_map(lambda part: part[None], own)
            return gradients(*given, kept if kept.numel() else None)

        return tree_map(lambda part: part.squeeze(1), torch.func.vmap(stacked_by_vmap)(*trees, memory))

    losses: Losses = {}
    lazily = number % step.penalty_interval > 0
    for each in critic:
        gradients = partial(step.discriminator_gradients, lazily=lazily)
        found = of_one(gradients, weights(d), weights(g), hyper, each)
        losses |= found.losses
        step.update_discriminator(d, hyper, found, Used())
        memory.copy_(found.memory)
    found = of_one(step.generator_gradients, weights(g), weights(d), hyper, batch)
    step.update_generator(g, hyper, found, Used())
    losses |= found.losses
    return losses


def in_turn(settings: GanSettings, size: int, channels: int, members: int, steps: int) -> tuple[State, list[Taken]]:
    """Train members one after another; return their states side by side and what the steps of a group are made of."""
    states, taken = zip(*(alone(settings, size, channels, member, steps) for member in range(members)), strict=True)
    return stacked(list(states)), together(taken)


def check_equal(settings: GanSettings, size: int, channels: int = 1, tolerance: float = 1e-9) -> None:
    """Check in float64 that all three ways lead to the same in two steps; by vmap, from the first to the second."""
    members = 2
    apart, (first, second) = in_turn(settings, size, channels, members, steps=2)
    step, hyper = make(settings, size, channels), columns(settings, members)
    group = stacked([newborn(step, settings, member) for member in range(members)])
    step(group, hyper, *first)
    mapped = tree_map(torch.clone, group)
    losses, _ = step(group, hyper, *second)
    by_vmap = step_by_vmap(step, mapped, hyper, *second)
    assert losses.keys() == by_vmap.keys()
    for name, value in losses.items():
        torch.testing.assert_close(by_vmap[name], value, rtol=tolerance, atol=tolerance)
    assert all(leaf.isfinite().all() for leaf in leaves(apart))
    for way in (group, mapped):
        for one, other in zip(leaves(apart), leaves(way), strict=True):
            assert one.shape == other.shape
            assert (one - other).abs().amax() <= tolerance * one.abs().amax().clamp(min=1e-9)


def check_bits(settings: GanSettings, size: int, channels: int = 1) -> None:
    """Check that three members become in a group what they become alone, to the bit."""
    members = 3
    apart, taken = in_turn(settings, size, channels, members, steps=2)
    step, hyper = make(settings, size, channels), columns(settings, members)
    group = stacked([newborn(step, settings, member) for member in range(members)])
    for critic, batch, number in taken:
        step(group, hyper, critic, batch, number)
    assert all(torch.equal(one, other) for one, other in zip(leaves(apart), leaves(group), strict=True))

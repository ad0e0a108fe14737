"""The random numbers of training, drawn outside of the step, each member's from its own streams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray
from torch import Tensor

from pbt_gan.gan.data.sending import fetchable
from pbt_gan.gan.drawn import Declared, Draw, EachPixel, uniform
from pbt_gan.gan.games.game import Game

Numbers = Mapping[str, Tensor]
"""What updates of m members are made of, by name, each [S, m, B, …] for S steps or [m, B, …] for one.

`indices`: int64, into the data, with replacement; where reals are shown. `z`: latents [..., Z], standard normal. And
what is declared: by the names of the game's penalties where the discriminator is updated, `NAME.fake` and `NAME.real`
by those of its augmentation, `g.NAME` and `d.NAME` by those of the nets. `flips`: for each real, where they may be
mirrored. `asked`: like `indices`, whose class each fake is to be of, where classes are known.
"""

INDICES = ("indices", "asked")
"""What leads into the data."""


@dataclass(frozen=True)
class Needs:
    """What one step draws."""

    dataset_size: int
    batch_size: int
    z_size: int
    game: Game
    image: tuple[int, int, int]  # channels, height, width
    generator: Declared = field(default_factory=dict)  # by the net, for each image that it makes
    discriminator: Declared = field(default_factory=dict)  # by the net, for each real of the discriminator's updates
    flips: bool = False
    classes: bool = False


class Draws(NamedTuple):
    """The numbers of S steps of P members."""

    critic: Sequence[Numbers]  # of the first update in each step, the second, …; each of those that take part
    generator: Numbers  # of all


class Destination(NamedTuple):
    """Where numbers are sent."""

    dtype: torch.dtype  # of what is no index
    device: str
    indices: str  # the device that indices go to


class Drawn(NamedTuple):
    """The same as `Draws`, on the host."""

    critic: Sequence[Numbers]
    generator: Numbers


def drawn(needs: Needs, steps: int, n_critic: Sequence[int], rngs: Sequence[Random], device: str) -> Drawn:
    """Draw the numbers of a block of steps, where a device can fetch them.

    Args:
        needs: of every member.
        steps: how many.
        n_critic: discriminator updates in each step of each member, in falling order.
        rngs: one a member. A member's numbers do not depend on who is drawn for beside it.
        device: that is to fetch them.
    """
    members = [_draw(needs, steps, updates, rng) for updates, rng in zip(n_critic, rngs, strict=True)]

    def of_all(arrays: Sequence[NDArray[np.generic]]) -> Tensor:
        return fetchable(torch.from_numpy(np.stack(arrays, axis=1)), device)

    critic = []
    for k in range(n_critic[0]):
        count = sum(updates > k for updates in n_critic)
        names = members[0].critic
        critic.append({name: of_all([own.critic[name][:, k] for own in members[:count]]) for name in names})
    return Drawn(critic, {name: of_all([own.generator[name] for own in members]) for name in members[0].generator})


def send(numbers: Drawn, destination: Destination) -> Draws:
    """Send numbers on their way; the device has them before it does what it is asked for afterwards."""

    def sent(named: Numbers) -> Numbers:
        return {
            name: each.to(destination.indices, non_blocking=True)
            if name in INDICES
            else each.to(destination.device, non_blocking=True).to(destination.dtype)
            for name, each in named.items()
        }

    return Draws([sent(each) for each in numbers.critic], sent(numbers.generator))


class _Own(NamedTuple):
    """What is drawn for one member."""

    critic: Mapping[str, NDArray[np.generic]]  # [S, n_critic, B, …]
    generator: Mapping[str, NDArray[np.generic]]  # [S, B, …]


def _draw(needs: Needs, steps: int, n_critic: int, rng: Random) -> _Own:
    # In this order, and each number at once for all updates: another order would be another run of the same seed.
    game, batch = needs.game, needs.batch_size

    def each(declared: Draw | EachPixel, *shape: int) -> NDArray[np.float32]:
        """Draw for each image of a shape."""
        if isinstance(declared, EachPixel):
            return declared.draw(rng, (*shape, *needs.image))
        return declared(rng, shape)

    shown = n_critic + game.loss.pairs  # updates that see reals
    indices = rng.integers(needs.dataset_size, size=(steps, shown, batch))
    z = rng.standard_normal((steps, n_critic + 1, batch, needs.z_size), np.float32)
    critic: dict[str, NDArray[np.generic]] = {"indices": indices[:, :n_critic], "z": z[:, :-1]}
    generator: dict[str, NDArray[np.generic]] = {"z": z[:, -1]}
    if game.loss.pairs:
        generator["indices"] = indices[:, -1]
    critic |= {name: each(own, steps, n_critic, batch) for name, own in game.draws.items()}
    for name, own in game.augmentation.draws.items():
        critic |= {f"{name}.{kind}": each(own, steps, n_critic, batch) for kind in ("fake", "real")}
        generator |= {f"{name}.{kind}": each(own, steps, batch) for kind in ("fake", "real")[: 1 + game.loss.pairs]}
    for name, own in needs.generator.items():
        critic[f"g.{name}"], generator[f"g.{name}"] = each(own, steps, n_critic, batch), each(own, steps, batch)
    critic |= {f"d.{name}": each(own, steps, n_critic, batch) for name, own in needs.discriminator.items()}
    if needs.flips:
        flips = uniform(rng, (steps, shown, batch))
        critic["flips"] = flips[:, :n_critic]
        if game.loss.pairs:
            generator["flips"] = flips[:, -1]
    if needs.classes:
        asked = rng.integers(needs.dataset_size, size=(steps, n_critic + 1, batch))
        critic["asked"], generator["asked"] = asked[:, :-1], asked[:, -1]
    return _Own(critic, generator)

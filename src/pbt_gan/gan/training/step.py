"""A step of a group of P members: pure gradients, then updates in place on flat tensors.

Members never meet: every tensor begins with their axis, and the gradients of all are those of the sum of their losses.
The gradients are functions of tensors alone, so that `torch.func.vmap` of a group of one can check them.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from pbt_gan.errors import ConfigError
from pbt_gan.gan.games.game import Game, Memory, Update
from pbt_gan.gan.nets.net import ImageShape, Net
from pbt_gan.gan.shown import Shown
from pbt_gan.gan.training.optim import adam_, average_, initial_moments
from pbt_gan.gan.training.stacking import State, first
from pbt_gan.gan.training.used import Asked, Used

Hyper = Mapping[str, Tensor]
"""The scalars of the members but `n_critic`, each float64[P, 1]."""

Losses = dict[str, Tensor]
"""What was computed on the way, each [P], to be logged."""

Weights = Mapping[str, Tensor]
"""Of a net: `params` [P, N], and `statistics` [P, S], its buffers, if it has any."""

Batch = Mapping[str, Tensor]
"""What one update is made of: `z` [m, B, Z]; `real` [m, B, C, H, W] in [-1, 1] where reals are shown; where classes are
known, `real_labels` and `fake_labels` [m, B, K], a 1 at the place of each; and what game and nets draw, see
`pbt_gan.gan.training.draws.Numbers`."""

Kind = Literal["real", "fake"]

LossFunction = Callable[[Tensor], tuple[Tensor, Any]]
"""Parameters [P, N] to a loss, 0-dimensional, and what else is wanted of the computation."""

Differentiate = Callable[[LossFunction], Callable[[Tensor], tuple[Tensor, tuple[Tensor, Any]]]]
"""Gives a function of parameters that returns (gradients, (loss, what else))."""


class Found(NamedTuple):
    """What comes of a loss."""

    gradients: Tensor  # [P, N]
    statistics: Tensor  # [P, S]: the buffers of the batch
    losses: Losses
    used: Hyper  # what the game asked for
    memory: Tensor  # [P, K]: what the game keeps


def differentiate(loss: LossFunction) -> Callable[[Tensor], tuple[Tensor, tuple[Tensor, Any]]]:
    """Do as `torch.func.grad_and_value(loss, has_aux=True)` in less time, but not inside of a `torch.func.vmap`."""

    def gradients(params: Tensor) -> tuple[Tensor, tuple[Tensor, Any]]:
        with torch.enable_grad():
            leaf = params.detach().requires_grad_()
            value, other = loss(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        return gradient, (value.detach(), other)

    return gradients


@dataclass(frozen=True)
class Step:
    """What a step computes, apart from the numbers that it is given."""

    generator: Net
    discriminator: Net
    shape: ImageShape  # of the images
    game: Game
    discriminator_loss_scale: float
    batch_size: int
    penalty_interval: int = 1  # steps from one in which lazy penalties act to the next
    rampup: float = 0.0  # the most that the half-life of an average is of the images so far; 0: it is what it is
    differentiate: Differentiate = differentiate  # under vmap: partial(torch.func.grad_and_value, has_aux=True)

    def __post_init__(self) -> None:
        """Refuse what would be wrong and show nowhere.

        Raises:
            ConfigError: a penalty on the gradient at each image, beside a discriminator that mixes images.
        """
        if self.game.each_image and self.discriminator.mixes:
            raise ConfigError(
                "A penalty on the gradient at each sample, but the discriminator has a batch norm, which mixes the "
                "samples of a batch. Take another norm in your discriminator, or leave the penalty out."
            )

    def initial_state(self, g: Tensor, d: Tensor, *, average: bool) -> State:
        """Return the state of a member whose nets have these parameters [N].

        It holds `g` and `d`, each with `params` [N], `moments` and, if the net has buffers, `statistics` [S]; `g` also
        `average` (`params` and `statistics`) if one is kept.
        """
        state: State = {}
        for name, net, params in (("g", self.generator, g), ("d", self.discriminator, d)):
            state[name] = {"params": params, "moments": initial_moments(params)}
            if net.buffers.size:
                state[name]["statistics"] = net.initial_buffers().to(params)
        if average:
            state["g"]["average"] = {name: part.clone() for name, part in weights(state["g"]).items()}
            if self.rampup:
                state["g"]["average"]["kimg"] = torch.zeros(1, dtype=torch.float64, device=g.device)
        if self.game.memory:
            memory = torch.tensor(list(self.game.memory.values()), dtype=torch.float64, device=g.device)
            state["game"] = {"memory": memory}
        return state

    def __call__(
        self, state: State, hyper: Hyper, critic: Sequence[Batch], batch: Batch, number: int = 0
    ) -> tuple[Losses, Used]:
        """Take one step in place.

        Args:
            state: of a group of P members.
            hyper: their scalars.
            critic: what each update of the discriminators is made of. An update may be of the first members only, and
                a later one of no more than an earlier one.
            batch: what the update of the generators is made of.
            number: which step this is, of all that are taken at a time.
        """
        g, d = state["g"], state["d"]
        memory = state["game"]["memory"] if "game" in state else None
        losses: Losses = {}
        used = Used(self.game.names)
        for own_batch in critic:
            count = len(own_batch["z"])
            own = {name: column[:count] for name, column in hyper.items()}
            own_d = first(d, count)
            kept = None if memory is None else memory[:count]
            found = self.discriminator_gradients(
                weights(own_d),
                first(weights(g), count),
                own,
                own_batch,
                kept,
                lazily=self.is_lazy(number),
            )
            used.note("game", found.used)
            self.update_discriminator(own_d, own, found, used)
            if kept is not None:
                kept.copy_(found.memory)
            # Rows of those who take no part in this update keep the losses of their last one.
            losses = {name: torch.cat([value, losses.get(name, value)[count:]]) for name, value in found.losses.items()}
        found = self.generator_gradients(weights(g), weights(d), hyper, batch, memory)
        used.note("game", found.used)
        self.update_generator(g, hyper, found, used)
        return losses | found.losses, used

    def is_lazy(self, number: int) -> bool:
        """Return whether a step leaves out the penalties that may be left out."""
        return self.game.lazy and number % self.penalty_interval > 0

    def discriminator_gradients(
        self,
        d: Weights,
        g: Weights,
        hyper: Hyper,
        batch: Batch,
        memory: Tensor | None = None,
        *,
        lazily: bool = False,
    ) -> Found:
        """Return what comes of the discriminators' losses.

        Args:
            d: the discriminators.
            g: the generators.
            hyper: their scalars.
            batch: what the update is made of.
            memory: what the game keeps of them, [P, K], if it keeps something.
            lazily: whether penalties that may be left out are.
        """
        own, statistics = named(self.generator, g)
        made, _ = self.generator(own, statistics, batch["z"], batch.get("fake_labels"), _of("g", batch), training=True)
        asked, kept = Asked(hyper, made.dtype), self._remembered(memory)
        real = self._shown(batch["real"], "real", batch, asked, kept)
        fake = self._shown(made, "fake", batch, asked, kept)

        def loss(flat: Tensor) -> tuple[Tensor, tuple[Losses, Tensor, Hyper, Tensor]]:
            params, buffers = named(self.discriminator, {**d, "params": flat})
            said = self.discriminator.each(params, buffers, [real, fake], _of("d", batch), training=True)
            on_real, on_fake = said.logits
            total = self.discriminator_loss_scale * self.game.loss.critic(on_real, on_fake, asked)
            losses = {"logit_real": on_real.mean(1), "logit_fake": on_fake.mean(1)}
            losses |= {name: kept[name] for name in self.game.augmentation.tells}

            def critic(shown: Shown) -> Tensor:
                return self.discriminator(params, buffers, shown.images, shown.labels, training=True)[0]

            update = Update(critic, real, fake, on_real, on_fake, batch, kept)
            for penalty in self.game.penalties:
                weight = asked[penalty.weight].squeeze(1)  # also where it is left out: it is what the step was to use
                if penalty.lazy and lazily:
                    continue
                value = penalty.value(update)
                losses[penalty.name] = value
                total = total + (self.penalty_interval if penalty.lazy else 1) * weight * value
            for name, value in said.lessons.items():
                losses[name.removesuffix("_weight")] = value
                total = total + asked[name].squeeze(1) * value
            left = self.game.remember(update, asked)
            memory = torch.stack([left[name] for name in self.game.memory], 1) if left else flat[:, :0]
            return total.sum(), (
                losses | {"loss_d": total},
                _flat(self.discriminator, said.buffers, d),
                asked.used,
                memory,
            )

        gradients, (_, (losses, statistics, used, left)) = self.differentiate(loss)(d["params"])
        return Found(
            gradients,
            statistics.detach(),
            {name: value.detach() for name, value in losses.items()},
            used,
            left.detach(),
        )

    def generator_gradients(
        self, g: Weights, d: Weights, hyper: Hyper, batch: Batch, memory: Tensor | None = None
    ) -> Found:
        """Return what comes of the generators' losses; see `discriminator_gradients`."""
        params, buffers = named(self.discriminator, d)
        kept = self._remembered(memory)

        def loss(flat: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Hyper]]:
            own, statistics = named(self.generator, {**g, "params": flat})
            fake, latest = self.generator(
                own, statistics, batch["z"], batch.get("fake_labels"), _of("g", batch), training=True
            )
            asked = Asked(hyper, fake.dtype)

            def logits(images: Tensor, kind: Kind) -> Tensor:
                shown = self._shown(images, kind, batch, asked, kept)
                return self.discriminator(params, buffers, shown.images, shown.labels, training=True)[0]

            on_real = logits(batch["real"], "real") if self.game.loss.pairs else None
            losses = self.game.loss.generator(logits(fake, "fake"), on_real, asked)
            return losses.sum(), (losses, _flat(self.generator, latest, g), asked.used)

        gradients, (_, (losses, statistics, used)) = self.differentiate(loss)(g["params"])
        return Found(gradients, statistics.detach(), {"loss_g": losses.detach()}, used, g["params"][:, :0])

    def update_discriminator(self, d: State, hyper: Hyper, found: Found, used: Used) -> None:
        """Move the discriminators and their buffers in place."""
        self._move("d", d, hyper, found, used)
        self._keep(self.discriminator, d, found)

    def update_generator(self, g: State, hyper: Hyper, found: Found, used: Used) -> None:
        """Move the generators, their buffers and their averages in place."""
        self._move("g", g, hyper, found, used)
        self._keep(self.generator, g, found)
        if "average" in g:
            # Buffers are averaged like the weights, from those of the batches: an average of the ones that are kept,
            # which are averages already, would lag behind the weights that it is used with.
            latest = {"params": g["params"], "statistics": found.statistics}
            ordered = hyper["ema_half_life_kimg"]
            most = self._most_kimg(g["average"])
            for name, average in weights(g["average"]).items():
                half_life = average_(average, latest[name], ordered, self.batch_size, most)
                used.note("average", {"ema_half_life_kimg": half_life})

    def _most_kimg(self, average: State) -> Tensor | None:
        """Return the longest half-life after one more batch, [P, 1]; None: it has no limit."""
        if "kimg" not in average:
            return None
        average["kimg"] += self.batch_size / 1_000
        most: Tensor = self.rampup * average["kimg"]
        return most

    @staticmethod
    def _keep(net: Net, state: State, found: Found) -> None:
        """Let the buffers of a batch count in those that are kept."""
        for part, share in _runs(net):
            state["statistics"][:, part].lerp_(found.statistics[:, part], share)

    def _move(self, net: str, state: State, hyper: Hyper, found: Found, used: Used) -> None:
        applied = adam_(
            state["params"], state["moments"], found.gradients, hyper[f"lr_{net}"], hyper["beta1"], hyper["beta2"]
        )
        used.note(net, {f"lr_{net}" if name == "lr" else name: column for name, column in applied.items()})

    def _shown(self, images: Tensor, kind: Kind, batch: Batch, hyper: Hyper, memory: Memory) -> Shown:
        """Return reals or fakes as the discriminator sees them."""
        augmentation = self.game.augmentation
        drawn = {name: batch[f"{name}.{kind}"] for name in augmentation.draws}
        return Shown(augmentation.apply(images, drawn, hyper, memory), batch.get(f"{kind}_labels"))

    def _remembered(self, memory: Tensor | None) -> Memory:
        """Return what the game keeps by name, each [P]."""
        return {} if memory is None else dict(zip(self.game.memory, memory.unbind(1), strict=True))


def weights(net: State) -> dict[str, Tensor]:
    """Return of a net's state, or of its average, what makes the net."""
    return {name: net[name] for name in ("params", "statistics") if name in net}


def named(net: Net, own: Weights) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return parameters and buffers by name."""
    return net.layout.views(own["params"]), net.buffers.views(own["statistics"]) if "statistics" in own else {}


def _flat(net: Net, buffers: Mapping[str, Tensor], own: Weights) -> Tensor:
    """Return buffers as one tensor [P, S]."""
    return net.buffers.flat(buffers) if "statistics" in own else own["params"][:, :0]


def _of(net: Literal["g", "d"], batch: Batch) -> Batch:
    """Return what was drawn for a net, by its own names."""
    return {name[2:]: numbers for name, numbers in batch.items() if name.startswith(f"{net}.")}


def _runs(net: Net) -> Iterator[tuple[slice, float]]:
    """Yield the runs of a net's buffers that count alike, where they lie, with their share."""
    start = 0
    for share, run in groupby(net.buffers.shapes.items(), key=lambda buffer: net.share(buffer[0])):
        end = start + sum(math.prod(shape) for _, shape in run)
        yield slice(start, end), share
        start = end

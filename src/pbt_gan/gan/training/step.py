"""A step of a group of P members: pure gradients, then updates in place on flat tensors.

Members never meet: every tensor begins with their axis, and the gradients of all are those of the sum of their losses.
The gradients are functions of tensors alone, so that `torch.func.vmap` of a group of one can check them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pbt_gan.gan.games.game import Game
from pbt_gan.gan.nets.net import Net
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
"""What one update is made of: `z` [m, B, Z]; `real` [m, B, C, H, W] in [-1, 1] where reals are shown; and what the game
draws, see `pbt_gan.gan.training.draws.Numbers`."""

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
    game: Game
    discriminator_loss_scale: float
    batch_size: int
    differentiate: Differentiate = differentiate  # under vmap: partial(torch.func.grad_and_value, has_aux=True)

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
        return state

    def __call__(self, state: State, hyper: Hyper, critic: Sequence[Batch], batch: Batch) -> tuple[Losses, Used]:
        """Take one step in place.

        Args:
            state: of a group of P members.
            hyper: their scalars.
            critic: what each update of the discriminators is made of. An update may be of the first members only, and
                a later one of no more than an earlier one.
            batch: what the update of the generators is made of.
        """
        g, d = state["g"], state["d"]
        losses: Losses = {}
        used = Used()
        for own_batch in critic:
            count = len(own_batch["z"])
            own = {name: column[:count] for name, column in hyper.items()}
            own_d = first(d, count)
            found = self.discriminator_gradients(weights(own_d), first(weights(g), count), own, own_batch)
            used.note("game", found.used)
            self.update_discriminator(own_d, own, found, used)
            # Rows of those who take no part in this update keep the losses of their last one.
            losses = {name: torch.cat([value, losses.get(name, value)[count:]]) for name, value in found.losses.items()}
        found = self.generator_gradients(weights(g), weights(d), hyper, batch)
        used.note("game", found.used)
        self.update_generator(g, hyper, found, used)
        return losses | found.losses, used

    def discriminator_gradients(self, d: Weights, g: Weights, hyper: Hyper, batch: Batch) -> Found:
        """Return what comes of the discriminators' losses."""
        fake, _ = self.generator(*named(self.generator, g), batch["z"], training=True)
        real, fake = self._shown(batch["real"], "real", batch), self._shown(fake, "fake", batch)

        def loss(flat: Tensor) -> tuple[Tensor, tuple[Losses, Tensor, Hyper]]:
            params, buffers = named(self.discriminator, {**d, "params": flat})
            (on_real, on_fake), latest = self.discriminator.each(params, buffers, [real, fake], training=True)
            asked = Asked(hyper, real.dtype)
            total = self.discriminator_loss_scale * self.game.loss.critic(on_real, on_fake, asked)
            losses = {"logit_real": on_real.mean(1), "logit_fake": on_fake.mean(1)}
            for penalty in self.game.penalties:
                value = penalty.value(
                    lambda images: self.discriminator(params, buffers, images, training=True)[0], real, fake, batch
                )
                losses[penalty.name] = value
                total = total + asked[penalty.weight].squeeze(1) * value
            return total.sum(), (losses | {"loss_d": total}, _flat(self.discriminator, latest, d), asked.used)

        gradients, (_, (losses, statistics, used)) = self.differentiate(loss)(d["params"])
        return Found(gradients, statistics.detach(), {name: value.detach() for name, value in losses.items()}, used)

    def generator_gradients(self, g: Weights, d: Weights, hyper: Hyper, batch: Batch) -> Found:
        """Return what comes of the generators' losses."""
        params, buffers = named(self.discriminator, d)

        def logits(images: Tensor, kind: str) -> Tensor:
            return self.discriminator(params, buffers, self._shown(images, kind, batch), training=True)[0]

        def loss(flat: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Hyper]]:
            fake, latest = self.generator(*named(self.generator, {**g, "params": flat}), batch["z"], training=True)
            asked = Asked(hyper, fake.dtype)
            on_real = logits(batch["real"], "real") if self.game.loss.pairs else None
            losses = self.game.loss.generator(logits(fake, "fake"), on_real, asked)
            return losses.sum(), (losses, _flat(self.generator, latest, g), asked.used)

        gradients, (_, (losses, statistics, used)) = self.differentiate(loss)(g["params"])
        return Found(gradients, statistics.detach(), {"loss_g": losses.detach()}, used)

    def update_discriminator(self, d: State, hyper: Hyper, found: Found, used: Used) -> None:
        """Move the discriminators and their buffers in place."""
        self._move("d", d, hyper, found, used)
        if "statistics" in d:
            d["statistics"].lerp_(found.statistics, self.discriminator.buffers_share)

    def update_generator(self, g: State, hyper: Hyper, found: Found, used: Used) -> None:
        """Move the generators, their buffers and their averages in place."""
        self._move("g", g, hyper, found, used)
        if "statistics" in g:
            g["statistics"].lerp_(found.statistics, self.generator.buffers_share)
        if "average" in g:
            # Buffers are averaged like the weights, from those of the batches: an average of the ones that are kept,
            # which are averages already, would lag behind the weights that it is used with.
            latest = {"params": g["params"], "statistics": found.statistics}
            for name, average in g["average"].items():
                half_life = average_(average, latest[name], hyper["ema_half_life_kimg"], self.batch_size)
                used.note("average", {"ema_half_life_kimg": half_life})

    def _move(self, net: str, state: State, hyper: Hyper, found: Found, used: Used) -> None:
        applied = adam_(
            state["params"], state["moments"], found.gradients, hyper[f"lr_{net}"], hyper["beta1"], hyper["beta2"]
        )
        used.note(net, {f"lr_{net}" if name == "lr" else name: column for name, column in applied.items()})

    def _shown(self, images: Tensor, kind: str, batch: Batch) -> Tensor:
        """Return reals or fakes as the discriminator sees them."""
        augmentation = self.game.augmentation
        return augmentation.apply(images, {name: batch[f"{name}.{kind}"] for name in augmentation.draws})


def weights(net: State) -> dict[str, Tensor]:
    """Return of a net's state, or of its average, what makes the net."""
    return {name: net[name] for name in ("params", "statistics") if name in net}


def named(net: Net, own: Weights) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return parameters and buffers by name."""
    return net.layout.views(own["params"]), net.buffers.views(own["statistics"]) if "statistics" in own else {}


def _flat(net: Net, buffers: Mapping[str, Tensor], own: Weights) -> Tensor:
    """Return buffers as one tensor [P, S]."""
    return net.buffers.flat(buffers) if "statistics" in own else own["params"][:, :0]

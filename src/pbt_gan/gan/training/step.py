"""A step of a group of P members: pure gradients, then updates in place on flat tensors.

Members never meet: every tensor begins with their axis, and the gradients of all are those of the sum of their losses.
The gradients are functions of tensors alone, so that `torch.func.vmap` of a group of one can check them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pbt_gan.gan.games.losses import Loss, gradient_penalty
from pbt_gan.gan.nets.dcgan import Discriminator, Generator
from pbt_gan.gan.training.optim import adam_, average_, initial_moments
from pbt_gan.gan.training.stacking import State, first

Hyper = Mapping[str, Tensor]
"""The scalars of the members but `n_critic`, each float64[P, 1]."""

Losses = dict[str, Tensor]
"""What was computed on the way, each [P], to be logged."""

LossFunction = Callable[[Tensor], tuple[Tensor, Any]]
"""Parameters [P, N] to a loss, 0-dimensional, and what else is wanted of the computation."""

Differentiate = Callable[[LossFunction], Callable[[Tensor], tuple[Tensor, tuple[Tensor, Any]]]]
"""Gives a function of parameters that returns (gradients, (loss, what else))."""


class CriticBatch(NamedTuple):
    """What one update of the discriminators of m members is made of."""

    real: Tensor  # [m, B, C, H, W] in [-1, 1]
    z: Tensor  # latents [m, B, Z]
    mix: Tensor  # [m, B], or [m, 0] without a penalty


STATISTICS_SHARE = 0.1
"""How much the latest batch counts in the running statistics of the generator's batch norms."""


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

    generator: Generator
    discriminator: Discriminator
    loss: Loss
    penalised: bool  # with a gradient penalty
    discriminator_loss_scale: float
    batch_size: int
    differentiate: Differentiate = differentiate  # under vmap: partial(torch.func.grad_and_value, has_aux=True)

    def initial_state(self, g: Tensor, d: Tensor, *, average: bool) -> State:
        """Return the state of a member whose nets have these parameters [N].

        It holds `g` and `d`, each with `params` [N] and `moments`; `g` also `statistics` [S], and `average` (`params`
        and `statistics`) if one is kept.
        """
        layout = self.generator.statistics
        statistics = layout.flat(
            {
                name: torch.full(shape, float(name.endswith("variance")), dtype=g.dtype, device=g.device)
                for name, shape in layout.shapes.items()
            }
        )
        state: State = {
            "g": {"params": g, "moments": initial_moments(g), "statistics": statistics},
            "d": {"params": d, "moments": initial_moments(d)},
        }
        if average:
            state["g"]["average"] = {"params": g.clone(), "statistics": statistics.clone()}
        return state

    def __call__(self, state: State, hyper: Hyper, critic: Sequence[CriticBatch], z: Tensor) -> Losses:
        """Take one step in place.

        Args:
            state: of a group of P members.
            hyper: their scalars.
            critic: what each update of the discriminators is made of. An update may be of the first members only, and
                a later one of no more than an earlier one.
            z: latents [P, B, Z] for the generators.
        """
        g, d = state["g"], state["d"]
        losses: Losses = {}
        for batch in critic:
            count = len(batch.z)
            own = {name: column[:count] for name, column in hyper.items()}
            gradients, latest = self.discriminator_gradients(d["params"][:count], g["params"][:count], own, batch)
            self.update_discriminator(first(d, count), own, gradients)
            losses = {name: torch.cat([value, losses.get(name, value)[count:]]) for name, value in latest.items()}
        gradients, statistics, more = self.generator_gradients(g["params"], d["params"], z)
        self.update_generator(g, hyper, gradients, statistics)
        return losses | more

    def discriminator_gradients(self, d: Tensor, g: Tensor, hyper: Hyper, batch: CriticBatch) -> tuple[Tensor, Losses]:
        """Return the gradients of the discriminators' losses [P, N], and their losses."""
        real, z, mix = batch
        fake, _ = self.generator(self.generator.layout.views(g), z)

        def loss(flat: Tensor) -> tuple[Tensor, Losses]:
            params = self.discriminator.layout.views(flat)
            on_real, on_fake = self.discriminator.each(params, real, fake)
            smoothing = hyper["label_smoothing"].to(real.dtype)
            total = self.discriminator_loss_scale * self.loss.discriminator(on_real, on_fake, smoothing)
            losses = {"logit_real": on_real.mean(1), "logit_fake": on_fake.mean(1)}
            if self.penalised:
                losses["penalty"] = gradient_penalty(lambda x: self.discriminator(params, x), real, fake, mix)
                total = total + hyper["gp_weight"].squeeze(1).to(real.dtype) * losses["penalty"]
            return total.sum(), losses | {"loss_d": total}

        gradients, (_, losses) = self.differentiate(loss)(d)
        return gradients, {name: value.detach() for name, value in losses.items()}

    def generator_gradients(self, g: Tensor, d: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Losses]:
        """Return the gradients of the generators' losses [P, N], the batches' statistics [P, S], and their losses."""
        params = self.discriminator.layout.views(d)

        def loss(flat: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            fake, statistics = self.generator(self.generator.layout.views(flat), z)
            losses = self.loss.generator(self.discriminator(params, fake))
            return losses.sum(), (losses, self.generator.statistics.flat(statistics))

        gradients, (_, (losses, statistics)) = self.differentiate(loss)(g)
        return gradients, statistics.detach(), {"loss_g": losses.detach()}

    def update_discriminator(self, d: State, hyper: Hyper, gradients: Tensor) -> None:
        """Move the discriminators in place."""
        adam_(d["params"], d["moments"], gradients, hyper["lr_d"], hyper["beta1"], hyper["beta2"])

    def update_generator(self, g: State, hyper: Hyper, gradients: Tensor, statistics: Tensor) -> None:
        """Move the generators, their running statistics and their averages in place."""
        adam_(g["params"], g["moments"], gradients, hyper["lr_g"], hyper["beta1"], hyper["beta2"])
        g["statistics"].lerp_(statistics, STATISTICS_SHARE)
        if "average" in g:
            # Batch norm's statistics are averaged like the weights.
            for name, latest in (("params", g["params"]), ("statistics", statistics)):
                average_(g["average"][name], latest, hyper["ema_half_life_kimg"], self.batch_size)

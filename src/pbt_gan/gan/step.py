"""A step of one member: pure gradients, then updates in place on flat tensors. Nothing here knows of a population.

The gradients are functions of tensors alone, so they can be stacked by `torch.func.vmap`; the updates take the members
of a population as rows ([P, N], settings as [P, 1]) as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pbt_gan.gan.losses import Loss, gradient_penalty
from pbt_gan.gan.models import Discriminator, Generator
from pbt_gan.gan.optim import adam_, average_, initial_moments

Hyper = Mapping[str, Tensor]
"""The scalars of a member, 0-dimensional: float64, n_critic int64."""

Losses = dict[str, Tensor]
"""What was computed on the way, 0-dimensional, to be logged."""

State = dict[str, Any]
"""A member: `g` and `d`, each with `params` [N] and `moments`; `g` also with `statistics` [S], and with `average`
(`params` and `statistics`) if one is kept."""

LossFunction = Callable[[Tensor], tuple[Tensor, Any]]
"""Parameters [N] to a loss, and what else is wanted of the computation."""

Differentiate = Callable[[LossFunction], Callable[[Tensor], tuple[Tensor, tuple[Tensor, Any]]]]
"""Gives a function of parameters that returns (gradients, (loss, what else))."""

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
    differentiate: Differentiate = differentiate  # stacked: partial(torch.func.grad_and_value, has_aux=True)

    def initial_state(self, g: Tensor, d: Tensor, *, average: bool) -> State:
        """Return the state of a member whose nets have these parameters [N]."""
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

    def __call__(self, state: State, hyper: Hyper, real: Tensor, z: Tensor, mix: Tensor) -> Losses:
        """Take one step in place.

        Args:
            state: of one member.
            hyper: its scalars.
            real: [K, B, C, H, W] in [-1, 1]; K is `n_critic`.
            z: latents [K + 1, B, Z], the last ones for the generator.
            mix: [K, B], or [K, 0] without a penalty.
        """
        g, d = state["g"], state["d"]
        losses: Losses = {}
        for k in range(int(hyper["n_critic"])):
            gradients, losses = self.discriminator_gradients(d["params"], g["params"], hyper, real[k], z[k], mix[k])
            self.update_discriminator(d, hyper, gradients)
        gradients, statistics, more = self.generator_gradients(g["params"], d["params"], hyper, z[-1])
        self.update_generator(g, hyper, gradients, statistics)
        return losses | more

    def discriminator_gradients(
        self, d: Tensor, g: Tensor, hyper: Hyper, real: Tensor, z: Tensor, mix: Tensor
    ) -> tuple[Tensor, Losses]:
        """Return the gradient of the discriminator's loss [N], and its losses."""
        fake, _ = self.generator(self.generator.layout.views(g), z)

        def loss(flat: Tensor) -> tuple[Tensor, Losses]:
            params = self.discriminator.layout.views(flat)
            on_real, on_fake = self.discriminator(params, real), self.discriminator(params, fake)
            smoothing = hyper["label_smoothing"].to(real.dtype)
            total = self.discriminator_loss_scale * self.loss.discriminator(on_real, on_fake, smoothing)
            losses = {"logit_real": on_real.mean(), "logit_fake": on_fake.mean()}
            if self.penalised:
                losses["penalty"] = gradient_penalty(lambda x: self.discriminator(params, x), real, fake, mix)
                total = total + hyper["gp_weight"].to(real.dtype) * losses["penalty"]
            return total, losses | {"loss_d": total}

        gradients, (_, losses) = self.differentiate(loss)(d)
        return gradients, {name: value.detach() for name, value in losses.items()}

    def generator_gradients(self, g: Tensor, d: Tensor, hyper: Hyper, z: Tensor) -> tuple[Tensor, Tensor, Losses]:
        """Return the gradient of the generator's loss [N], the batch's statistics [S], and its loss."""
        params = self.discriminator.layout.views(d)

        def loss(flat: Tensor) -> tuple[Tensor, Tensor]:
            fake, statistics = self.generator(self.generator.layout.views(flat), z)
            return self.loss.generator(self.discriminator(params, fake)), self.generator.statistics.flat(statistics)

        gradients, (total, statistics) = self.differentiate(loss)(g)
        return gradients, statistics.detach(), {"loss_g": total}

    def update_discriminator(self, d: State, hyper: Hyper, gradients: Tensor) -> None:
        """Move the discriminator in place."""
        adam_(d["params"], d["moments"], gradients, hyper["lr_d"], hyper["beta1"], hyper["beta2"])

    def update_generator(self, g: State, hyper: Hyper, gradients: Tensor, statistics: Tensor) -> None:
        """Move the generator, its running statistics and its average in place."""
        adam_(g["params"], g["moments"], gradients, hyper["lr_g"], hyper["beta1"], hyper["beta2"])
        g["statistics"].lerp_(statistics, STATISTICS_SHARE)
        if "average" in g:
            # Batch norm's statistics are averaged like the weights.
            for name, latest in (("params", g["params"]), ("statistics", statistics)):
                average_(g["average"][name], latest, hyper["ema_half_life_kimg"], self.batch_size)

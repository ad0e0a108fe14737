"""What the two nets of each member minimise, [P]: means over a member's batch.

`real` and `fake` are logits [P, B] of the discriminators, above 0: taken for real; the label smoothing is [P, 1].
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, relu


class Loss(NamedTuple):
    """Both sides of one game."""

    discriminator: Callable[[Tensor, Tensor, Tensor], Tensor]  # of real, fake and the label smoothing
    generator: Callable[[Tensor], Tensor]  # of fake


def non_saturating_discriminator(real: Tensor, fake: Tensor, smoothing: Tensor) -> Tensor:
    """Compute the cross-entropy of telling real from fake; a share `smoothing` of the reals is labelled fake.

    Source: Goodfellow et al. 2014, arXiv:1406.2661; smoothing of one side: Salimans et al. 2016, arXiv:1606.03498.
    """
    of_real = (1 - smoothing) * logsigmoid(real) + smoothing * logsigmoid(-real)
    return -of_real.mean(1) - logsigmoid(-fake).mean(1)


def non_saturating_generator(fake: Tensor) -> Tensor:
    """Compute the cross-entropy of the fakes being taken for real."""
    return -logsigmoid(fake).mean(1)


def hinge_discriminator(real: Tensor, fake: Tensor, smoothing: Tensor) -> Tensor:
    """Push reals above 1 and fakes below -1. Source: Lim and Ye 2017, arXiv:1705.02894."""
    return relu(1 - real).mean(1) + relu(1 + fake).mean(1)


def wasserstein_discriminator(real: Tensor, fake: Tensor, smoothing: Tensor) -> Tensor:
    """Push reals above fakes. Source: Arjovsky et al. 2017, arXiv:1701.07875."""
    return fake.mean(1) - real.mean(1)


def raise_fakes(fake: Tensor) -> Tensor:
    """Push fakes up, without end."""
    return -fake.mean(1)


LOSSES: Mapping[str, Loss] = {
    "non-saturating": Loss(non_saturating_discriminator, non_saturating_generator),
    "hinge": Loss(hinge_discriminator, raise_fakes),
    "wgan-gp": Loss(wasserstein_discriminator, raise_fakes),
}


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Compute the mean squared deviation from 1 of the gradient's norm between reals and fakes.

    Args:
        critic: images to logits [P, B]; each logit depends on its own image only.
        real: images [P, B, C, H, W].
        fake: as many.
        mix: [P, B] in [0, 1), where between the two; one for each sample.

    Returns:
        [P].

    Source: Gulrajani et al. 2017, arXiv:1704.00028, eq. 3, without the weight.
    """
    between = real + mix[..., None, None, None] * (fake - real)
    gradients = torch.func.grad(lambda images: critic(images).sum())(between)
    norms = (gradients.flatten(2).square().sum(2) + 1e-12).sqrt()  # the root has no slope at 0
    penalty: Tensor = (norms - 1).square().mean(1)
    return penalty

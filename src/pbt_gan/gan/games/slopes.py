"""How steeply discriminators answer: what most penalties are made of."""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Critic
from pbt_gan.gan.shown import Shown

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-12
"""Under the root of a sum of squares, which has no slope at 0."""


def squared_slopes(critic: Critic, shown: Shown) -> "Tensor":
    """Return the squared norm of each logit's gradient with respect to its own image, [P, B].

    It is the gradient of the sum of all logits: right where a logit depends on its own image alone. It can be
    differentiated once more, under `torch.func.vmap` too.
    """
    from torch.func import grad

    gradients: Tensor = grad(lambda images: critic(shown._replace(images=images)).sum())(shown.images)
    return gradients.flatten(2).square().sum(2)


def deviation(critic: Critic, shown: Shown) -> "Tensor":
    """Return the mean squared deviation from 1 of the norms of these gradients, [P]."""
    slopes = (squared_slopes(critic, shown) + EPSILON).sqrt()
    return (slopes - 1).square().mean(1)

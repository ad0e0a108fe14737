"""The penalty on slopes other than 1 between reals and fakes.

Source: Gulrajani et al. 2017, arXiv:1704.00028, eq. 3.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.drawn import uniform
from pbt_gan.gan.games.game import Penalty, Update

if TYPE_CHECKING:
    from torch import Tensor


def gradient_penalty(update: Update) -> "Tensor":
    """Compute the mean squared deviation from 1 of the gradient's norm between reals and fakes, [P], unweighted.

    Each logit depends on its own image only. Of `drawn` it takes `mix` [P, B] in [0, 1), where between the two; one for
    each image. Where classes are known, images between are of the real one's.
    """
    from torch.func import grad

    real, fake = update.real.images, update.fake.images
    between = real + update.drawn["mix"][..., None, None, None] * (fake - real)
    gradients = grad(lambda images: update.critic(update.real._replace(images=images)).sum())(between)
    norms = (gradients.flatten(2).square().sum(2) + 1e-12).sqrt()  # the root has no slope at 0
    penalty: Tensor = (norms - 1).square().mean(1)
    return penalty


PENALTY = Penalty("penalty", gradient_penalty, draws={"mix": uniform}, each_image=True)

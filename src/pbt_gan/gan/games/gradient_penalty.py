"""The penalty on slopes other than 1 between reals and fakes.

Source: Gulrajani et al. 2017, arXiv:1704.00028, eq. 3.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.drawn import uniform
from pbt_gan.gan.games.game import Penalty, Update
from pbt_gan.gan.games.slopes import deviation

if TYPE_CHECKING:
    from torch import Tensor


def gradient_penalty(update: Update) -> "Tensor":
    """Compute the mean squared deviation from 1 of the slope between reals and fakes, [P], without the weight.

    Of what is drawn it takes `mix` [P, B] in [0, 1), where between the two; one for each image. Where classes are
    known, images between are of the real one's.
    """
    real, fake = update.real.images, update.fake.images
    between = real + update.drawn["mix"][..., None, None, None] * (fake - real)
    return deviation(update.critic, update.real._replace(images=between))


PENALTY = Penalty("penalty", gradient_penalty, draws={"mix": uniform}, each_image=True, slope=1)

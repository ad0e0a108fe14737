"""The penalty on slopes other than 1 around reals.

Source: Kodali et al. 2017, arXiv:1705.07215, section 2.3; the perturbation as in the authors' code.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.drawn import EachPixel, uniform
from pbt_gan.gan.games.game import Penalty, Update
from pbt_gan.gan.games.slopes import deviation

if TYPE_CHECKING:
    from torch import Tensor


def dragan(update: Update) -> "Tensor":
    """Compute the mean squared deviation from 1 of the slope near reals, [P], without the weight.

    A real x is moved to x + αδ with δ = ½·std·U, where std is the deviation of all numbers of a member's batch.
    Of what is drawn it takes α, `dragan_share` [P, B], and U, `dragan_noise` [P, B, C, H, W], both in [0, 1).
    """
    real = update.real.images
    spread = real.flatten(1).std(1, correction=0)[:, None, None, None, None]
    share = update.drawn["dragan_share"][..., None, None, None]
    near = real + share * (0.5 * spread * update.drawn["dragan_noise"])
    return deviation(update.critic, update.real._replace(images=near))


PENALTY = Penalty(
    "dragan",
    dragan,
    weight="dragan_weight",
    draws={"dragan_share": uniform, "dragan_noise": EachPixel(uniform)},
    each_image=True,
    slope=1,
)

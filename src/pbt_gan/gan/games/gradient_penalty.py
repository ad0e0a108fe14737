"""The penalty on slopes other than 1 between reals and fakes.

Source: Gulrajani et al. 2017, arXiv:1704.00028, eq. 3.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Critic, Drawn, Penalty, uniform

if TYPE_CHECKING:
    from torch import Tensor


def gradient_penalty(critic: Critic, real: "Tensor", fake: "Tensor", drawn: Drawn) -> "Tensor":
    """Compute the mean squared deviation from 1 of the gradient's norm between reals and fakes, without the weight.

    Args:
        critic: images to logits [P, B]; each logit depends on its own image only.
        real: images [P, B, C, H, W].
        fake: as many.
        drawn: `mix` [P, B] in [0, 1), where between the two; one for each image.

    Returns:
        [P].
    """
    from torch.func import grad

    between = real + drawn["mix"][..., None, None, None] * (fake - real)
    gradients = grad(lambda images: critic(images).sum())(between)
    norms = (gradients.flatten(2).square().sum(2) + 1e-12).sqrt()  # the root has no slope at 0
    penalty: Tensor = (norms - 1).square().mean(1)
    return penalty


PENALTY = Penalty("penalty", gradient_penalty, draws={"mix": uniform}, each_image=True)

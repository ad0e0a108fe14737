"""Real or fake, answered by cross-entropy: the game of the first GANs.

Source: Goodfellow et al. 2014, arXiv:1406.2661; smoothing of one side: Salimans et al. 2016, arXiv:1606.03498.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Hyper, Loss
from pbt_gan.gan.games.logistic import log_sigmoid

if TYPE_CHECKING:
    from torch import Tensor


def critic(real: "Tensor", fake: "Tensor", hyper: Hyper) -> "Tensor":
    """Compute the cross-entropy of telling real from fake; a share `label_smoothing` of the reals is labelled fake."""
    smoothing = hyper["label_smoothing"]
    of_real = (1 - smoothing) * log_sigmoid(real) + smoothing * log_sigmoid(-real)
    return -of_real.mean(1) - log_sigmoid(-fake).mean(1)


def generator(fake: "Tensor", real: "Tensor | None", hyper: Hyper) -> "Tensor":
    """Compute the cross-entropy of the fakes being taken for real."""
    return -log_sigmoid(fake).mean(1)


LOSS = Loss(critic, generator, reads=("label_smoothing",))

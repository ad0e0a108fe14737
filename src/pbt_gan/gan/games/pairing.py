"""Which of two is real, answered by cross-entropy: each real is compared with a fake, and only the difference counts.

Sources: Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.1; in this form, with R1 and R2: Huang et al. 2024,
arXiv:2501.05441, eq. 2.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Hyper, Loss
from pbt_gan.gan.games.logistic import log_sigmoid

if TYPE_CHECKING:
    from torch import Tensor


def critic(real: "Tensor", fake: "Tensor", hyper: Hyper) -> "Tensor":
    """Push each real above its fake."""
    return -log_sigmoid(real - fake).mean(1)


def generator(fake: "Tensor", real: "Tensor | None", hyper: Hyper) -> "Tensor":
    """Push each fake above its real."""
    assert real is not None, "it declares `pairs`"
    return -log_sigmoid(fake - real).mean(1)


LOSS = Loss(critic, generator, pairs=True, centred=False)

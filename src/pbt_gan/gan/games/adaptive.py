"""How often transforms happen, found out while a member trains: more often the better its discriminator knows reals.

Source: Karras et al. 2020, arXiv:2006.06676, section 3.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SPEED_KIMG = 500
"""Thousand images in which the chance can go from 0 to 1."""


def moved(chance: "Tensor", on_real: "Tensor", target: "Tensor") -> "Tensor":
    """Return the chance [P] after an update: up where reals are recognised more often than the target says.

    Args:
        chance: before it, [P].
        on_real: the logits of reals, [P, B]; the mean of their signs is the paper's r_t.
        target: [P, 1].
    """
    overfit = on_real.sign().mean(1) - target.squeeze(1)
    step = overfit.sign() * on_real.shape[1] / (1_000 * SPEED_KIMG)
    return (chance + step.to(chance.dtype)).clamp(0, 1)

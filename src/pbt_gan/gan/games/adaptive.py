"""How often transforms happen, found out while a member trains: more often the surer its discriminator is of reals.

Source: Karras et al. 2020, arXiv:2006.06676, section 3.1. The chance begins at 0. After every 4 updates of the
discriminator it moves by a fixed amount: up where the mean sign of the logits of reals, r_t, is above the target, down
where it is below.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

READS = ("augment_target", "augment_kimg")
"""The scalars that it asks for."""

UPDATES = 4
"""Over which signs are averaged before the chance is moved."""

AT_BIRTH = {"augment_p": 0.0, "augment_signs": 0.0, "augment_updates": 0.0}
"""What a member remembers: the chance, the sum of the mean signs since it was moved, and over how many updates."""


def remember(
    memory: Mapping[str, "Tensor"], on_real: "Tensor", reals: int, hyper: Mapping[str, "Tensor"]
) -> Mapping[str, "Tensor"]:
    """Return what is remembered after an update of the discriminator.

    Args:
        memory: before it, [P].
        on_real: the logits of reals, [P, B], or several of each.
        reals: how many there are, B.
        hyper: [P, 1]. `augment_target`: what r_t is to be. `augment_kimg`: thousand reals in which the chance can go
            from 0 to 1.
    """
    import torch

    signs = memory["augment_signs"] + on_real.detach().sign().mean(1)
    updates = memory["augment_updates"] + 1
    overfit = signs / UPDATES - hyper["augment_target"].squeeze(1)
    reach = UPDATES * reals / (1_000 * hyper["augment_kimg"].squeeze(1))
    moved = (memory["augment_p"] + reach * overfit.sign()).clamp(0, 1)
    due = updates >= UPDATES
    return {
        "augment_p": torch.where(due, moved, memory["augment_p"]),
        "augment_signs": torch.where(due, 0, signs),
        "augment_updates": torch.where(due, 0, updates),
    }

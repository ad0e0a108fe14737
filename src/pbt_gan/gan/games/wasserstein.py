"""The distance that earth has to be moved, seen by a critic. Source: Arjovsky et al. 2017, arXiv:1701.07875."""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Hyper, Loss

if TYPE_CHECKING:
    from torch import Tensor


def critic(real: "Tensor", fake: "Tensor", hyper: Hyper) -> "Tensor":
    """Push reals above fakes."""
    return fake.mean(1) - real.mean(1)


def generator(fake: "Tensor", real: "Tensor | None", hyper: Hyper) -> "Tensor":
    """Push fakes up, without end."""
    return -fake.mean(1)


LOSS = Loss(critic, generator, centred=False, bounded=False)

"""The hinge loss: reals above 1 and fakes below -1 are let be. Source: Lim and Ye 2017, arXiv:1705.02894."""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Hyper, Loss

if TYPE_CHECKING:
    from torch import Tensor


def critic(real: "Tensor", fake: "Tensor", hyper: Hyper) -> "Tensor":
    """Push reals above 1 and fakes below -1."""
    return (1 - real).relu().mean(1) + (1 + fake).relu().mean(1)


def generator(fake: "Tensor", real: "Tensor | None", hyper: Hyper) -> "Tensor":
    """Push fakes up, without end."""
    return -fake.mean(1)


LOSS = Loss(critic, generator)

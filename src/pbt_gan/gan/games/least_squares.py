"""Answers as close as can be to 1 for reals and 0 for fakes: also those that are right are pulled there.

Source: Mao et al. 2017, arXiv:1611.04076, eq. 9 (a = 0, b = c = 1).
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.games.game import Hyper, Loss

if TYPE_CHECKING:
    from torch import Tensor


def critic(real: "Tensor", fake: "Tensor", hyper: Hyper) -> "Tensor":
    """Pull reals to 1 and fakes to 0."""
    return ((real - 1).square().mean(1) + fake.square().mean(1)) / 2


def generator(fake: "Tensor", real: "Tensor | None", hyper: Hyper) -> "Tensor":
    """Pull fakes to 1."""
    return (fake - 1).square().mean(1) / 2


LOSS = Loss(critic, generator)

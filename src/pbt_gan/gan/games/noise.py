"""Instance noise: both distributions are blurred, so that they overlap and a discriminator can be sure of nothing.

Source: Sønderby et al. 2017, arXiv:1610.04490, section 3.1.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.drawn import Drawn, EachPixel, normals
from pbt_gan.gan.games.game import Hyper, Transform

if TYPE_CHECKING:
    from torch import Tensor


def noise(images: "Tensor", drawn: Drawn, hyper: Hyper) -> "Tensor":
    """Add normal noise of standard deviation `instance_noise`, made of `pixels` [P, B, C, H, W]."""
    return images + hyper["instance_noise"][..., None, None, None] * drawn["pixels"]


TRANSFORM = Transform(noise, draws={"pixels": EachPixel(normals())}, reads=("instance_noise",), gated=False)

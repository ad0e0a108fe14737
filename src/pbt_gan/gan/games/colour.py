"""Brighter or darker, paler or more colourful, of less or more contrast; in this order.

Source: Zhao et al. 2020, arXiv:2006.10738, "Color", with the ranges of its appendix.
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.drawn import Drawn, uniforms
from pbt_gan.gan.games.game import Hyper, Transform

if TYPE_CHECKING:
    from torch import Tensor


def colour(images: "Tensor", drawn: Drawn, hyper: Hyper) -> "Tensor":
    """Change the colours of images in [-1, 1]; what comes may lie outside.

    The three numbers of `amounts` [P, B, 3] in [0, 1) say how: -0.5 to 0.5 is added to all; distances from the mean of
    a pixel's channels become 0 to 2 times as large, and then those from the mean of the image 0.5 to 1.5 times.
    """
    brightness, saturation, contrast = drawn["amounts"][..., None, None, None].unbind(2)
    images = images + (brightness - 0.5)
    images = _spread(images, 2 * saturation, images.mean(2, keepdim=True))
    return _spread(images, contrast + 0.5, images.mean((2, 3, 4), keepdim=True))


def _spread(images: "Tensor", factor: "Tensor", mean: "Tensor") -> "Tensor":
    return mean + factor * (images - mean)


TRANSFORM = Transform(colour, draws={"amounts": uniforms(3)})

"""A square of half an image's side is grey. Source: Zhao et al. 2020, arXiv:2006.10738, "Cutout"."""

from typing import TYPE_CHECKING

from pbt_gan.gan.drawn import Drawn, uniforms
from pbt_gan.gan.games.game import Hyper, Transform

if TYPE_CHECKING:
    from torch import Tensor

RATIO = 1 / 2
"""Of a side, rounded to pixels: the side of the square."""


def cutout(images: "Tensor", drawn: Drawn, hyper: Hyper) -> "Tensor":
    """Put 0 into a square whose middle lies where `places` [P, B, 2] in [0, 1) say, and which may stick out."""
    down, right = (_inside(place, images.shape[-1]) for place in drawn["places"].unbind(-1))
    hidden = down[..., :, None] & right[..., None, :]
    return images.masked_fill(hidden[:, :, None], 0)


def _inside(place: "Tensor", side: int) -> "Tensor":
    """Return which rows lie in the square, bool[P, B, H]."""
    import torch

    length = int(RATIO * side + 0.5)
    # As many places as the source has: of a square of even length the middle is the line after as many pixels.
    middle = (place * (side + 1 - length % 2)).floor()[..., None]
    rows = torch.arange(side, device=place.device, dtype=place.dtype)
    first = middle - length // 2
    return (rows >= first) & (rows < first + length)


TRANSFORM = Transform(cutout, draws={"places": uniforms(2)})

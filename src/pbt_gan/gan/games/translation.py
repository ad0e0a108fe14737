"""Images moved by up to an eighth of their side, whole pixels, with grey where nothing comes in.

Source: Zhao et al. 2020, arXiv:2006.10738, "Translation".
"""

from typing import TYPE_CHECKING

from pbt_gan.gan.drawn import Drawn, uniforms
from pbt_gan.gan.games.game import Hyper, Transform

if TYPE_CHECKING:
    from torch import Tensor

RATIO = 1 / 8
"""Of a side, rounded to pixels: as far as an image may move."""


def translation(images: "Tensor", drawn: Drawn, hyper: Hyper) -> "Tensor":
    """Move images down and to the right by what `places` [P, B, 2] in [0, 1) say: all distances are equally likely.

    Rows and columns are moved by products with shifted identity matrices: exact, differentiable as often as one likes,
    and, other than what gathers by index, with gradients that a GPU always adds up in the same order.
    """
    down, right = drawn["places"].unbind(-1)
    return _moved(down, images) @ images @ _moved(right, images).mT


def _moved(places: "Tensor", images: "Tensor") -> "Tensor":
    """Return what moves the rows of images when it is multiplied from the left, [P, B, 1, H, H]."""
    import torch

    side = images.shape[-1]
    farthest = int(RATIO * side + 0.5)
    distance = (places * (2 * farthest + 1)).floor() - farthest
    rows = torch.arange(side, device=images.device, dtype=images.dtype)
    moved = rows[:, None] - rows == distance[..., None, None, None]
    return moved.to(images.dtype)


TRANSFORM = Transform(translation, draws={"places": uniforms(2)})

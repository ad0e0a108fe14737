"""Images in the mirror. Source: Karras et al. 2020, arXiv:2006.06676, appendix B ("x-flip")."""

from typing import TYPE_CHECKING

from pbt_gan.gan.drawn import Drawn, uniform
from pbt_gan.gan.games.game import Hyper, Transform

if TYPE_CHECKING:
    from torch import Tensor


def flip(images: "Tensor", drawn: Drawn, hyper: Hyper) -> "Tensor":
    """Mirror left and right where `side` [P, B] is below ½."""
    import torch

    return torch.where((drawn["side"] < 0.5)[..., None, None, None], images.flip(-1), images)


TRANSFORM = Transform(flip, draws={"side": uniform})

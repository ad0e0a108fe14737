"""A batch of images before the discriminators."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Shown(NamedTuple):
    """Real or made images."""

    images: "Tensor"  # [P, B, C, H, W]
    labels: "Tensor | None" = None  # a 1 at the place of each one's class, [P, B, K]; None: none are known

"""What the nets are made of: layers of a group of P members, in two formulations.

A layer takes and returns images within a net, x, in whatever layout its formulation likes. In x there may be S batches
that share the weights and nothing else: batch norm treats each by itself. What torch does to each number by itself it
can do to any x; what has to do with height and width alone is in `pbt_gan.gan.nets.resampling`: in every layout they
are the axes 2 and 3.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from pbt_gan.gan.nets.batch_last import BatchLast
from pbt_gan.gan.nets.members_in_channels import MembersInChannels

SMALL = 28
"""Pixels along a side up to which convolutions on a CPU are products with patches: there, its own are slower."""


class Layers(Protocol):
    """One formulation.

    Within a net, x is of the dtype that products are computed in; statistics are float32 all the same.
    What leaves by `leave`, `logits` or `flatten` is float32, or float64 if all is.
    """

    @property
    def exact(self) -> bool:
        """Whether the bits of a member on a CPU do not depend on how many are in its group."""

    def enter(self, batches: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return batches of images, each [P, B, C, H, W], as one x or more, whichever takes less time."""

    def kernels(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return parameters with the weights of convolutions prepared for all x that `enter` has returned."""

    def leave(self, x: Tensor, channels: int) -> Tensor:
        """Return the images [P, B, C, H, W] of a single batch."""

    def dense(self, z: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return x of a single batch, F channels of one pixel, of z [P, B, Z] and W [P, F, Z]."""

    def unflatten(self, x: Tensor, side: int) -> Tensor:
        """Make each side² channels of one pixel a channel of side × side."""

    def logits(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return a number for each image, [S, P, B]; `weight`: [P, 1, C·H·W], `bias`: [P, 1]."""

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1) -> Tensor:
        """Convolve at the same height and width; `weight`: [P, C_out, C_in / groups, k, k], k odd."""

    def halve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve to half the height and width; `weight`: [P, C_out, C_in, k, k]."""

    def double(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve, transposed, to twice the height and width; `weight`: [P, C_in, C_out, k, k]."""

    def batch_norm(self, x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalise each channel of each batch; return x with mean and biased variance, [P, C] for a single batch.

        `scale` and `shift` are [P, C]. Nothing is changed in place.
        """

    def normalize(self, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Do the same with statistics [P, C] that are given."""

    def flatten(self, x: Tensor, members: int) -> Tensor:
        """Return the numbers of each image as a row, [S, P, B, C·H·W]."""

    def split(self, x: Tensor, members: int, parts: int) -> Sequence[Tensor]:
        """Return so many equal runs of each member's channels, each an x."""

    def per_channel(self, values: Tensor, x: Tensor) -> Tensor:
        """Return values [P, C] in a shape that broadcasts with x."""

    def per_image(self, values: Tensor) -> Tensor:
        """Return values [S, P, B, C] in a shape that broadcasts with an x of S batches."""

    def per_pixel(self, values: Tensor, channels: int) -> Tensor:
        """Return values [P, B, H, W], alike for all channels, in a shape that broadcasts with x of a single batch."""


def layers_for(size: int, compute: torch.dtype, device: str, small: int = SMALL) -> Layers:
    """Return the formulation for images of size × size pixels, whose products are computed in a dtype.

    Args:
        size: in pixels.
        compute: the dtype.
        device: where.
        small: up to which size they are products with patches on a CPU.
    """
    return BatchLast(compute) if size <= small and device == "cpu" else MembersInChannels(compute)

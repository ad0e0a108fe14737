"""Layers for images that are not small: convolutions in groups of channels, one group for each member.

Images within the nets are [B, P·C, H, W], always a single batch. For one member, all is plain convolution. How many
images there are is asked for by `shape`, not by `len`: a program that is traced or exported then takes any number.

They are of the dtype that products are computed in, from `enter` or `dense` to `leave`, `logits` or `flatten`: what a
GPU does between convolutions takes as long as it takes to read and write them. Weights are cast where they are
multiplied. Of batch norm, sums and statistics are float32 all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.nets.grouped import Window, convolve, slopes_of_slopes, transposed

EPSILON = 1e-5
"""Added to a variance under the root."""


@dataclass(frozen=True)
class MembersInChannels:
    """See `pbt_gan.gan.nets.layers.Layers`.

    On a CPU, the bits of grouped convolutions depend on the number of groups.
    """

    compute: torch.dtype
    exact: ClassVar[bool] = False

    def enter(self, batches: Sequence[Tensor]) -> Sequence[Tensor]:
        """Bring the members' channels side by side; the batches stay apart, which suits the cache."""
        return [_laid(images.to(self.compute).transpose(0, 1).flatten(1, 2), len(images)) for images in batches]

    def kernels(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Cast and lay side by side the weights of convolutions, which are those of five axes."""
        return {name: part.to(self.compute).contiguous() if part.ndim == 5 else part for name, part in params.items()}

    def leave(self, x: Tensor, channels: int) -> Tensor:
        """Bring the members to the front."""
        return self._out(x).view(x.shape[0], -1, channels, *x.shape[2:]).transpose(0, 1)

    def dense(self, z: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply member by member."""
        y = torch.bmm(z.to(self.compute), weight.to(self.compute).mT)
        y = y if bias is None else y + bias[:, None].to(self.compute)
        return y.transpose(0, 1).flatten(1)[..., None, None]

    def unflatten(self, x: Tensor, side: int) -> Tensor:
        """Change the shape only."""
        return _laid(x.view(x.shape[0], -1, side, side), 1)

    def logits(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Multiply and sum: the bits of a matrix times a vector would depend on the number of members."""
        features = x.reshape(x.shape[0], len(weight), -1).transpose(0, 1)
        return ((features * weight).sum(-1) + bias)[None]

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1) -> Tensor:
        """Convolve in groups, of which each member has as many."""
        return self._convolve(x, weight, bias, stride=1, groups=groups)

    def halve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve in groups."""
        return self._convolve(x, weight, bias, stride=2)

    def double(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve in groups."""
        window = Window(len(weight), weight.shape[-1], 2)
        weights, bias = weight.to(self.compute).flatten(0, 1), self._side_by_side(bias)
        if _groups_stay(window):
            return _plus(transposed(x, weights, window), bias)
        padding, after = window.padding, window.transposed_padding
        return F.conv_transpose2d(x, weights, bias, 2, padding, after, window.groups)

    def batch_norm(self, x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalise the channels of all members at once."""
        # Natively: `F.batch_norm` hands out no statistics of the batch, and changes running ones in place.
        normal, mean, inverse_deviation = torch.native_batch_norm(
            x, scale.flatten(), shift.flatten(), None, None, True, 0.0, EPSILON
        )
        # Stacked by `torch.func.vmap` it comes in the dtype of the scale.
        return normal.to(x.dtype), mean.view(scale.shape), (inverse_deviation.pow(-2) - EPSILON).view(scale.shape)

    def normalize(self, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Normalise the channels of all members at once."""
        mean, variance, scale, shift = (part.flatten() for part in (mean, variance, scale, shift))
        return F.batch_norm(x, mean, variance, scale, shift, eps=EPSILON)

    def flatten(self, x: Tensor, members: int) -> Tensor:
        """Bring the members to the front."""
        return self._out(x).reshape(x.shape[0], members, -1).transpose(0, 1)[None]

    def split(self, x: Tensor, members: int, parts: int) -> Sequence[Tensor]:
        """Split each member's channels; for more than one, these are copies."""
        if members == 1:
            return x.chunk(parts, 1)
        apart = x.view(x.shape[0], members, parts, -1, *x.shape[2:])
        return [part.flatten(1, 2) for part in apart.unbind(2)]

    def per_channel(self, values: Tensor, x: Tensor) -> Tensor:
        """Lay the members' values side by side."""
        return values.to(x.dtype).flatten()[:, None, None]

    def per_image(self, values: Tensor) -> Tensor:
        """Lay the members' values side by side."""
        return values.to(self.compute).squeeze(0).transpose(0, 1).flatten(1)[..., None, None]

    def per_pixel(self, values: Tensor, channels: int) -> Tensor:
        """Repeat them for the channels of each member."""
        values = values if values.dtype == torch.bool else values.to(self.compute)
        maps = values.transpose(0, 1)[:, :, None]
        return maps.expand(-1, -1, channels, -1, -1).flatten(1, 2)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int, groups: int = 1) -> Tensor:
        window = Window(len(weight) * groups, weight.shape[-1], stride)
        weights, bias = weight.to(self.compute).flatten(0, 1), self._side_by_side(bias)
        if _groups_stay(window):
            return _plus(convolve(x, weights, window), bias)
        return F.conv2d(x, weights, bias, stride, window.padding, groups=window.groups)

    @staticmethod
    def _out(x: Tensor) -> Tensor:
        """Return it as what is computed outside of nets takes it."""
        return x.float() if x.dtype == torch.bfloat16 else x

    def _side_by_side(self, bias: Tensor | None) -> Tensor | None:
        return None if bias is None else bias.to(self.compute).flatten()


def _groups_stay(window: Window) -> bool:
    """Whether to convolve so that groups stay groups in the slope of a slope."""
    return slopes_of_slopes() and window.groups > 1


def _plus(x: Tensor, bias: Tensor | None) -> Tensor:
    return x if bias is None else x + bias[:, None, None]


def _laid(x: Tensor, members: int) -> Tensor:
    """Lay the channels of a pixel side by side where convolutions are faster so: on a CPU, those of one member."""
    if x.device.type != "cpu" or members > 1:
        return x
    return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)

"""Layers for small images, where a CPU's own convolutions are slow: products with patches, samples last.

Images within the nets are [S·P, C, H, W, B]. So a channel of a batch is a row of memory, which batch norm likes, and
weights multiply from the left as they lie. They are of the dtype that products are computed in, from `enter` or `dense`
to `leave`, `logits` or `flatten`. For the convolutions see `pbt_gan.gan.nets.convolutions`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from pbt_gan.gan.nets.convolutions import Window, convolve, transposed

EPSILON = 1e-5
"""Added to a variance under the root."""


@dataclass(frozen=True)
class BatchLast:
    """See `pbt_gan.gan.nets.layers.Layers`."""

    compute: torch.dtype
    exact: ClassVar[bool] = True

    def enter(self, batches: Sequence[Tensor]) -> Sequence[Tensor]:
        """Bring the samples to the end, and all batches together."""
        return [torch.cat([images.to(self.compute).permute(0, 2, 3, 4, 1) for images in batches])]

    def kernels(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Leave them as they are: all batches are convolved at once."""
        return params

    def leave(self, x: Tensor, channels: int) -> Tensor:
        """Bring the samples back, without a copy."""
        return _out(x).permute(0, 4, 1, 2, 3)

    def dense(self, z: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve images of one pixel."""
        return self._convolve(z.mT[:, :, None, None], weight[..., None, None], bias, stride=1)

    def unflatten(self, x: Tensor, side: int) -> Tensor:
        """Change the shape only."""
        return x.view(len(x), -1, side, side, x.shape[-1])

    def logits(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Multiply and sum: the bits of a matrix times a vector would depend on the number of members."""
        members, _, features = weight.shape
        rows = x.view(-1, members, features, x.shape[-1])
        # Expanded first, a gradient is summed over samples and then over batches, never with members between the two.
        weights, biases = (part.expand(len(rows), *part.shape) for part in (weight.mT, bias))
        return (rows * weights).sum(2) + biases

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1) -> Tensor:
        """Convolve, from or to patches of the side that has fewer channels; a group is like a member more."""
        if groups > 1:
            rows = x.reshape(len(x) * groups, -1, *x.shape[2:])
            apart = weight.reshape(len(weight) * groups, -1, *weight.shape[2:])
            y = self.convolve(rows, apart, None)
            return _plus(y.view(len(x), -1, *y.shape[2:]), bias)
        if weight.shape[1] >= weight.shape[2]:
            return self._convolve(x, weight, bias, stride=1)
        return self._transposed(x, weight.flip(-2, -1).transpose(1, 2), bias, stride=1)

    def halve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve at each second pixel."""
        return self._convolve(x, weight, bias, stride=2)

    def double(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve, transposed."""
        return self._transposed(x, weight, bias, stride=2)

    def batch_norm(self, x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalise rows: as groups of one channel, which takes a CPU much less time than its batch norm does."""
        members, rows = len(scale), scale.numel()
        # What comes back is 1 / √(variance + ε); the variance is solved for, which is cheaper than to sum it up again.
        normal, mean, inverse_deviation = torch.native_group_norm(
            x, scale.flatten(), shift.flatten(), len(x) // members, rows, x[0, 0].numel(), group=rows, eps=EPSILON
        )
        return normal, mean.view(len(x), -1), (inverse_deviation.pow(-2) - EPSILON).view(len(x), -1)

    def normalize(self, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Normalise rows."""
        mean, variance, scale, shift = (part.flatten() for part in (mean, variance, scale, shift))
        rows = x.view(1, len(scale), -1)
        return F.batch_norm(rows, mean, variance, scale, shift, eps=EPSILON).view(x.shape)

    def flatten(self, x: Tensor, members: int) -> Tensor:
        """Change the shape and the order of axes only."""
        return _out(x).reshape(-1, members, x[0, ..., 0].numel(), x.shape[-1]).mT

    def split(self, x: Tensor, members: int, parts: int) -> Sequence[Tensor]:
        """Split without a copy."""
        return x.chunk(parts, 1)

    def per_channel(self, values: Tensor, x: Tensor) -> Tensor:
        """Repeat them for each batch."""
        return values.to(x.dtype).repeat(len(x) // len(values), 1)[..., None, None, None]

    def per_image(self, values: Tensor) -> Tensor:
        """Bring the samples to the end."""
        return values.to(self.compute).flatten(0, 1).mT[:, :, None, None]

    def per_pixel(self, values: Tensor, channels: int) -> Tensor:
        """Bring the samples to the end."""
        values = values if values.dtype == torch.bool else values.to(self.compute)
        return values.permute(0, 2, 3, 1)[:, None]

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int) -> Tensor:
        window = Window(len(weight), weight.shape[-1], stride)
        y = convolve(x.to(self.compute), weight.to(self.compute), window)
        return _plus(y, bias)

    def _transposed(self, x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int) -> Tensor:
        window = Window(len(weight), weight.shape[-1], stride)
        y = transposed(x.to(self.compute), weight.to(self.compute), window)
        return _plus(y, bias)


def _plus(x: Tensor, bias: Tensor | None) -> Tensor:
    # Repeated, not broadcast, for the same reason as in `logits`.
    return x if bias is None else x.add_(bias.to(x.dtype).repeat(len(x) // len(bias), 1)[..., None, None, None])


def _out(x: Tensor) -> Tensor:
    """Return it as what is computed outside of nets takes it."""
    return x.float() if x.dtype == torch.bfloat16 else x

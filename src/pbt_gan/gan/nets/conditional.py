"""Batch norm in a generator, whose scale and shift may differ from class to class.

The statistics are those of all classes together: what differs comes after them. Source: Miyato and Koyama 2018,
arXiv:1802.05637, and the authors' code, pfnet-research/sngan_projection.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Layout, Shape
from pbt_gan.gan.nets.net import Buffers, Params


def norm_shapes(name: str, features: int, classes: int = 0) -> dict[str, Shape]:
    """Return the parameters of a batch norm: `scale` and `shift`, of each class if there are any."""
    shape = (classes, features) if classes else (features,)
    return {f"{name}.scale": shape, f"{name}.shift": shape}


def statistics(layout: Layout) -> Layout:
    """Return the buffers of all batch norms among a net's parameters: `mean` and `variance` of each, [P, F]."""
    features = {
        name.removesuffix(".scale"): shape[-1:] for name, shape in layout.shapes.items() if name.endswith("scale")
    }
    return Layout({f"{norm}.{moment}": features[norm] for norm in features for moment in ("mean", "variance")})


def initial_statistics(buffers: Layout) -> Tensor:
    """Return means of 0 and variances of 1, float32[S]."""
    shapes = buffers.shapes
    return buffers.flat({name: torch.full(shapes[name], float(name.endswith("variance"))) for name in shapes})


@dataclass(frozen=True)
class BatchNorms:
    """The batch norms of a group of generators, for one batch."""

    layers: Layers
    params: Params
    buffers: Buffers
    labels: Tensor | None  # [P, B, K]; needed by norms that have classes
    training: bool  # whether the batch is normalised by its own statistics; else by the buffers
    used: dict[str, Tensor] = field(default_factory=dict)  # the statistics that normalised, under the buffers' names

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """Return x normalised by the batch norm of that name; nothing else is changed but `used`."""
        scale, shift = self.params[f"{name}.scale"], self.params[f"{name}.shift"]
        if scale.ndim == 2:
            return self._normalized(name, x, scale, shift)
        assert self.labels is not None
        scales, shifts = (self.layers.per_image((self.labels @ table)[None]) for table in (scale, shift))
        one = torch.ones_like(scale[:, 0])
        return self._normalized(name, x, one, torch.zeros_like(one)) * scales + shifts

    def _normalized(self, name: str, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        if self.training:
            x, mean, variance = self.layers.batch_norm(x, scale, shift)
        else:
            mean, variance = self.buffers[f"{name}.mean"], self.buffers[f"{name}.variance"]
            x = self.layers.normalize(x, scale, shift, mean, variance)
        self.used[f"{name}.mean"], self.used[f"{name}.variance"] = mean, variance
        return x

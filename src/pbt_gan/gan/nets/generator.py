"""Generators that are layers one after another, batch norms among them: all they have in common but the layers."""

from functools import cached_property

from torch import Tensor

from pbt_gan.gan.nets.conditional import initial_statistics, statistics
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.layout import Layout
from pbt_gan.gan.nets.net import Net


class LayeredGenerator(Net):
    """A generator that keeps the statistics of its batch norms and nothing else."""

    layers: Layers

    @cached_property
    def buffers(self) -> Layout:
        """The statistics of the batch norms."""
        return statistics(self.layout)

    @property
    def exact(self) -> bool:
        """As its layers are."""
        return self.layers.exact

    def initial_buffers(self) -> Tensor:
        """Return means of 0 and variances of 1."""
        return initial_statistics(self.buffers)

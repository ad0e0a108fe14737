"""Discriminators that are layers one after another: all they have in common but the layers."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from pbt_gan.gan.drawn import NOTHING, Drawn
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.net import Answers, Buffers, Net, Params
from pbt_gan.gan.shown import Shown


class LayeredDiscriminator(Net):
    """A discriminator that keeps nothing, and takes several batches in less time than one after another."""

    layers: Layers

    @abstractmethod
    def logits(self, params: Params, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return logits [S, P, B] or [S, P, n·B] of an x of S batches, and of their labels [S, P, B, K]."""

    @property
    def exact(self) -> bool:
        """As its layers are."""
        return self.layers.exact

    def __call__(
        self,
        params: Params,
        buffers: Buffers,
        x: Tensor,
        labels: Tensor | None = None,
        drawn: Drawn = NOTHING,
        *,
        training: bool,
    ) -> tuple[Tensor, Buffers]:
        """Return logits [P, B] of images [P, B, C, H, W]."""
        said = self.each(params, buffers, [Shown(x, labels)], drawn, training=training)
        return said.logits[0], said.buffers

    def each(
        self, params: Params, buffers: Buffers, batches: Sequence[Shown], drawn: Drawn = NOTHING, *, training: bool
    ) -> Answers:
        """Return the logits of each batch as if it were alone."""
        pairs, params = self.entered(batches), self.layers.kernels(params)
        return Answers([logits for pair in pairs for logits in self.logits(params, *pair)], buffers, {})

    def entered(self, batches: Sequence[Shown]) -> Sequence[tuple[Tensor, Tensor | None]]:
        """Return them as one x of S batches or more, each with its labels [S, P, B, K]."""
        entered = self.layers.enter([batch.images for batch in batches])
        known = [batch.labels for batch in batches if batch.labels is not None]
        labels = torch.stack(known).chunk(len(entered)) if known else [None] * len(entered)
        return list(zip(entered, labels, strict=True))

"""What updates are made of: numbers that were drawn, with the images and the classes that they lead to."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbt_gan.gan.data.sending import sent
from pbt_gan.gan.data.source import ImageSource
from pbt_gan.gan.training.draws import Draws, Numbers
from pbt_gan.gan.training.step import Batch

At = Callable[[Tensor], Tensor]
"""Takes what is there for one step, [m, B, …], from what is there for a block, [S, m, B, …]."""


class Batches:
    """Makes batches.

    Args:
        images: the real ones.
        device: where members train.
        dtype: of what is no index.
        labels: int64[N], the classes of the images, if the nets know of classes.
        classes: how many there are.
    """

    def __init__(
        self, images: ImageSource, device: str, dtype: torch.dtype, labels: NDArray[np.int64] | None, classes: int
    ) -> None:
        self.images = images
        self.classes = classes
        self._device = device
        self._dtype = dtype
        self._each = torch.arange(classes, device=device)
        # Where the indices go.
        self._labels = None if labels is None else torch.from_numpy(labels).to(images.device)

    def expect(self, draws: Draws) -> None:
        """Hear which images will be taken soon."""
        for numbers in (*draws.critic, draws.generator):
            if "indices" in numbers:
                self.images.expect(numbers["indices"])

    def of(self, draws: Draws, at: At) -> tuple[list[Batch], Batch]:
        """Return what the updates of the discriminators in one step are made of, and that of the generators."""
        return [self._batch(numbers, at) for numbers in draws.critic], self._batch(draws.generator, at)

    def labelled(self, indices: Tensor) -> Tensor | None:
        """Return the classes of images, a 1 at the place of each, [..., K]; None: the nets know of none."""
        if self._labels is None:
            return None
        # As `one_hot` does it, which looks at the numbers themselves.
        return (sent(self._labels[indices], self._device)[..., None] == self._each).to(self._dtype)

    def _batch(self, numbers: Numbers, at: At) -> Batch:
        batch = {name: at(each) for name, each in numbers.items()}
        if "asked" in batch:
            batch |= self._known("fake_labels", batch.pop("asked"))
        if "indices" in batch:
            indices = batch.pop("indices")
            batch["real"] = self.images.take(indices)
            if "flips" in batch:
                mirrored = (batch.pop("flips") < 0.5)[..., None, None, None]
                batch["real"] = torch.where(mirrored, batch["real"].flip(-1), batch["real"])
            batch |= self._known("real_labels", indices)
        return batch

    def _known(self, name: str, indices: Tensor) -> Batch:
        labels = self.labelled(indices)
        return {} if labels is None else {name: labels}

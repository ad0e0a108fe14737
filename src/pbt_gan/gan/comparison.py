"""Compares samples with the real images, as one scorer sees both."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pbt_gan.gan.classifier import load_classifier
from pbt_gan.gan.metrics import Moments, classifier_score, frechet_distance, kernel_distance
from pbt_gan.gan.scorers import KERNEL_IMAGES


class Comparison:
    """One scorer, and what it makes of the real images.

    Args:
        scorer: as `scorers.train_scorer` made it.
        device: where its network runs.
    """

    def __init__(self, scorer: Mapping[str, Any], device: str) -> None:
        card, reference = scorer["card"], scorer["reference"]
        self._classifier = load_classifier(scorer["weights"], **card["shape"]).to(device)
        self._moments = Moments(torch.from_numpy(reference["mean"]), torch.from_numpy(reference["covariance"]))
        self._kernel_features = torch.from_numpy(reference["kernel_features"])
        self._names = ("cs", "fcd", "kcd") if card["predicts"] == "labels" else ("fcd", "kcd")
        self._device = device

    def measure(self, images: Tensor | None) -> dict[str, float]:
        """Return CS (where classes are known), FCD and KCD of images, uint8[N, H, W, C]; all nan for None."""
        if images is None:
            return dict.fromkeys(self._names, math.nan)
        features, probabilities = self._classifier.measure(images.to(self._device))
        measured = {
            "cs": classifier_score(probabilities),
            "fcd": frechet_distance(self._moments, Moments.of(features)),
            "kcd": kernel_distance(self._kernel_features, features[:KERNEL_IMAGES]),
        }
        return {name: measured[name] for name in self._names}

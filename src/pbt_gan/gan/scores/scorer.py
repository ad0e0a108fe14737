"""Compares samples with the real images, as one scorer sees both."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pbt_gan.gan.scores.classifier import load_classifier
from pbt_gan.gan.scores.formulas import Cloud, Moments, classifier_score, frechet_distance, kernel_distance
from pbt_gan.gan.scores.scorers import KERNEL_IMAGES


class Scorer:
    """One scorer, and what it makes of the real images.

    Args:
        scorer: as `scorers.train_scorer` made it.
        device: where its network runs.
    """

    def __init__(self, scorer: Mapping[str, Any], device: str) -> None:
        card, reference = scorer["card"], scorer["reference"]
        self._classifier = load_classifier(scorer["weights"], **card["shape"]).to(device)
        self._moments = Moments(torch.from_numpy(reference["mean"]), torch.from_numpy(reference["covariance"]))
        self._cloud = Cloud.of(torch.from_numpy(reference["kernel_features"]))
        self._names = ("cs", "fcd", "kcd") if card["predicts"] == "labels" else ("fcd", "kcd")
        self._device = device

    def measure(self, members: Sequence[Tensor | None]) -> list[dict[str, float]]:
        """Return CS (where classes are known), FCD and KCD of each member's images, all nan for None.

        Args:
            members: uint8[N, H, W, C] each; N may differ.
        """
        whole = [images for images in members if images is not None]
        if not whole:
            return [self._nothing() for _ in members]
        # All in common batches: they are fewer and fuller than those of each member alone.
        features, probabilities = self._classifier.measure(torch.cat(whole).to(self._device))
        counts = [len(images) for images in whole]
        seen = zip(torch.split(features, counts), torch.split(probabilities, counts), strict=True)
        return [self._nothing() if images is None else self._measured(*next(seen)) for images in members]

    def _measured(self, features: Tensor, probabilities: Tensor) -> dict[str, float]:
        measured = {
            "cs": classifier_score(probabilities),
            "fcd": frechet_distance(self._moments, Moments.of(features)),
            "kcd": kernel_distance(self._cloud, Cloud.of(features[:KERNEL_IMAGES])),
        }
        return {name: measured[name] for name in self._names}

    def _nothing(self) -> dict[str, float]:
        return dict.fromkeys(self._names, math.nan)

"""Measures samples with one network, beside what it sees of the real images."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from pbt_gan.gan.scores import class_accuracy
from pbt_gan.gan.scores.classifier import load_classifier
from pbt_gan.gan.scores.score import Reals, Seen
from pbt_gan.gan.scores.table import measurable

TOGETHER = 20_000
"""Images whose features are held at a time: of 2,048 features each they take 160 MB."""


class FeatureNetwork(Protocol):
    """Looks at images."""

    @property
    def classifies(self) -> bool:
        """Whether it gives probabilities of classes that say something about the images."""

    def __call__(self, images: Tensor) -> Seen:
        """Return what it sees of uint8[N, H, W, C]."""


class OwnNetwork:
    """The network of a scorer that this package trained.

    Args:
        scorer: its tree, of which `card` and `weights` count; see `making`.
        device: where it runs.
    """

    def __init__(self, scorer: Mapping[str, Any], device: str) -> None:
        card = scorer["card"]
        self._classifier = load_classifier(scorer["weights"], **card["shape"]).to(device)
        self._device = device
        # How an image was rotated is only a lesson: the probabilities of it say nothing about how good it is.
        self.classifies = card["predicts"] == "labels"

    def __call__(self, images: Tensor) -> Seen:
        """See `FeatureNetwork`."""
        features, probabilities = self._classifier.measure(images.to(self._device))
        return Seen(features, probabilities if self.classifies else None)


class Scorer:
    """One network, and the scores that it can measure.

    Args:
        network: looks at the samples.
        reals: what it saw of the real images.
        ranks_by: the score whose standard error is asked for, a key of `SCORES`; None: the first that can be measured.
    """

    def __init__(self, network: FeatureNetwork, reals: Reals, ranks_by: str | None = None) -> None:
        self._network = network
        self._scores = measurable(probabilities=network.classifies)
        self.ranks_by = ranks_by or next(iter(self._scores))
        self._references = {key: score.reference and score.reference(reals) for key, score in self._scores.items()}

    def measure(
        self, members: Sequence[Tensor | None], *, error: bool = False, asked: Tensor | None = None
    ) -> list[dict[str, float]]:
        """Return every score of each member's images, all nan for None.

        Args:
            members: uint8[N, H, W, C] each; N may differ.
            error: whether to add `error`, the standard error of the score that ranks, if that has a cheap one.
            asked: int64[N], the class that each image was asked for: adds `class_accuracy` of a network that tells.
        """
        return [
            self._nothing(error, asked) if seen is None else self._measured(seen, error, asked)
            for together in _groups(members)
            for seen in self._seen(together)
        ]

    def _seen(self, members: Sequence[Tensor | None]) -> list[Seen | None]:
        """Look at several members in common batches: they are fewer and fuller than those of each member alone."""
        whole = [images for images in members if images is not None]
        if not whole:
            return [None] * len(members)
        features, probabilities = self._network(torch.cat(whole))
        counts = [len(images) for images in whole]
        parts = torch.split(probabilities, counts) if probabilities is not None else [None] * len(whole)
        seen = map(Seen, torch.split(features, counts), parts)
        return [None if images is None else next(seen) for images in members]

    def _measured(self, seen: Seen, error: bool, asked: Tensor | None) -> dict[str, float]:
        measured = {key: score.measure(seen, self._references[key]) for key, score in self._scores.items()}
        if error and self._has_error:
            measured["error"] = self._scores[self.ranks_by].error(seen, self._references[self.ranks_by])
        if asked is not None:
            assert seen.probabilities is not None
            measured[class_accuracy.KEY] = class_accuracy.class_accuracy(seen.probabilities, asked)
        return measured

    def _nothing(self, error: bool, asked: Tensor | None) -> dict[str, float]:
        names = [*self._scores, *["error"] * (error and self._has_error), *[class_accuracy.KEY] * (asked is not None)]
        return dict.fromkeys(names, math.nan)

    @property
    def _has_error(self) -> bool:
        return self._scores[self.ranks_by].influence is not None


def _groups(members: Sequence[Tensor | None]) -> list[list[Tensor | None]]:
    """Return members in their order, in groups of at most `TOGETHER` images, or of one member."""
    groups: list[list[Tensor | None]] = [[]]
    images = 0
    for member in members:
        count = 0 if member is None else len(member)
        if groups[-1] and images + count > TOGETHER:
            groups.append([])
            images = 0
        groups[-1].append(member)
        images += count
    return groups

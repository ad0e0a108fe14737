"""Scorers as trees: a network of this package trained on the data, or a published one, and what it saw of the reals.

A tree has `card` (what it is, JSON values), `weights` (of networks that were trained here) and `reference`: mean and
covariance of the features of real images, and features of some of them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbt_gan.core.rng import stream
from pbt_gan.gan.data import Dataset
from pbt_gan.gan.scores import published
from pbt_gan.gan.scores.classifier import load_classifier, train_classifier
from pbt_gan.gan.scores.examination import Findings, examine
from pbt_gan.gan.scores.frechet import Moments
from pbt_gan.gan.scores.held_back import HeldBack, held_back
from pbt_gan.gan.scores.kernel import KERNEL_IMAGES
from pbt_gan.gan.scores.ladder import RANKS_BY, rung_of
from pbt_gan.gan.scores.naming import Role
from pbt_gan.gan.scores.recipes import RECIPES, Effort
from pbt_gan.gan.scores.score import Reals
from pbt_gan.gan.scores.scorer import FeatureNetwork, OwnNetwork, Scorer
from pbt_gan.gan.scores.table import measurable
from pbt_gan.gan.settings import TRAINED, Rung

Tree = Mapping[str, Any]

TRAINING_IMAGES = 60_000
"""At most so many images, evenly spread over the data, teach a scorer; in 1,000 steps it sees 128,000."""

ROTATED_IMAGES = 20_000
"""At most so many teach rotations: each is there four times."""

TRAINING_BYTES = 2**30
"""Of images that teach, as they lie in memory."""

_LOOK = 2_000  # images that are taken out of a file at a time
_T = TypeVar("_T", bound=np.generic)


class Lesson(NamedTuple):
    """What a network of this package learns, and how it is examined on that."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: int
    asked: NDArray[np.uint8]  # unseen
    answers: NDArray[np.int64]


def make_scorer(dataset: Dataset, role: Role, rung: Rung, effort: Effort, inception: Path | None = None) -> Tree:
    """Train a scorer or take a published one, let it look at the real images, and examine it.

    Args:
        dataset: the real images.
        role: by which seed and width differ.
        rung: what it was taught with.
        effort: how much of each.
        inception: the published weights, if a user has said where they are.

    Raises:
        ConfigError: the weights of a published network are missing.
    """
    held = held_back(dataset, RECIPES[role].seed)
    card = {
        "data": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "images": len(dataset.images),
        "rung": rung,
        "seed": RECIPES[role].seed,
    }
    if rung in TRAINED:
        return _trained(card, dataset, role, effort, held)
    network = published.load(rung, inception, "cpu")
    card |= {"predicts": "ImageNet", "network": dict(published.card(rung))}
    return _looked({"card": card}, network, dataset, held, effort)


def scorer_of(tree: Tree, device: str, inception: Path | None = None) -> Scorer:
    """Return what measures members with a scorer.

    Args:
        tree: as `make_scorer` made it, or a version before it.
        device: where its network runs, and where it is compared with what it saw of the reals.
        inception: see `make_scorer`.

    Raises:
        ConfigError: the weights of a published network are missing.
    """
    reals = {name: torch.from_numpy(array).to(device) for name, array in tree["reference"].items()}
    return Scorer(network_of(tree, device, inception), reals, tree["card"].get("ranks_by"))


def network_of(tree: Tree, device: str, inception: Path | None = None) -> FeatureNetwork:
    """Return the network of a scorer; see `scorer_of`."""
    rung = rung_of(tree["card"])
    if rung in TRAINED:
        return OwnNetwork(tree, device)
    return published.load(rung, inception, device)


def lesson_of(dataset: Dataset, rung: Rung, held: HeldBack) -> Lesson:
    """Return what a network of this package learns: labels, or by how many quarter turns an image was rotated."""
    if rung == "classifier":
        assert dataset.labels is not None
        assert held.unseen.labels is not None
        seen = _affordable(held.seen, dataset.images, TRAINING_IMAGES)
        answers = held.unseen.labels
        return Lesson(dataset.images[seen], dataset.labels[seen], dataset.classes, held.unseen.images, answers)
    seen = _affordable(held.seen, dataset.images, ROTATED_IMAGES, copies=4)
    return Lesson(*_rotated(dataset.images[seen]), 4, *_rotated(held.unseen.images))


def _trained(card: dict[str, Any], dataset: Dataset, role: Role, effort: Effort, held: HeldBack) -> Tree:
    recipe, lesson = RECIPES[role], lesson_of(dataset, card["rung"], held)
    weights = train_classifier(
        lesson.images, lesson.labels, lesson.classes, width=recipe.width, seed=recipe.seed, steps=effort.steps
    )
    shape = {
        "size": dataset.images.shape[1],
        "channels": dataset.images.shape[3],
        "classes": lesson.classes,
        "width": recipe.width,
    }
    _, probabilities = load_classifier(weights, **shape).measure(torch.from_numpy(lesson.asked))
    right = probabilities.argmax(1).numpy() == lesson.answers
    card |= {
        "predicts": "labels" if card["rung"] == "classifier" else "rotations",
        "shape": shape,
        "parameters": sum(array.size for name, array in weights.items() if name.endswith(("weight", "bias"))),
        "steps": effort.steps,
        "accuracy": float(right.mean()),  # on images that it was not trained on
        "held_out_images": len(held.unseen.images),
    }
    chance = float(np.bincount(lesson.answers).max() / len(lesson.answers))
    tree = {"card": card, "weights": weights}
    return _looked(tree, OwnNetwork(tree, "cpu"), dataset, held, effort, chance)


def _looked(
    tree: dict[str, Any],
    network: FeatureNetwork,
    dataset: Dataset,
    held: HeldBack,
    effort: Effort,
    chance: float | None = None,
) -> Tree:
    """Add to a scorer what its network sees of the real images, and what came of its examination."""
    places = _spread(np.arange(len(dataset.images)), effort.reals or len(dataset.images))
    parts = np.array_split(places, range(_LOOK, len(places), _LOOK))
    features = torch.cat([network(torch.from_numpy(dataset.images[part])).features for part in parts])
    # Those held back are real images too, but who is examined on them must not have them to compare with.
    others = features[torch.from_numpy(np.isin(places, held.seen))]
    unseen = held.unseen.images[: effort.examined]
    rung = tree["card"]["rung"]
    # Of a published network only what may rank members: a Fréchet distance in a thousand features takes seconds.
    scores = [*measurable(probabilities=network.classifies)] if rung in TRAINED else RANKS_BY[rung]
    found = examine(network, _reference(others), unseen, scores, stream(0, "examination"))
    findings = Findings(len(unseen), tree["card"].get("accuracy"), chance, found)
    return {
        **tree,
        "card": {**tree["card"], "reals": len(places), "findings": findings.plain()},
        "reference": {name: tensor.numpy() for name, tensor in _reference(features).items()},
    }


def _reference(features: Tensor) -> Reals:
    moments = Moments.of(features)
    some = torch.from_numpy(_spread(features.numpy(), KERNEL_IMAGES))
    return {"mean": moments.mean, "covariance": moments.covariance, "kernel_features": some}


def _affordable(
    places: NDArray[np.int64], images: NDArray[np.uint8], most: int, *, copies: int = 1
) -> NDArray[np.int64]:
    """Return as many places as may be taken into memory, evenly spread."""
    return _spread(places, min(most, max(1, TRAINING_BYTES // (copies * images[0].nbytes))))


def _rotated(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    turns = np.stack([np.rot90(images, turns, axes=(1, 2)) for turns in range(4)], axis=1)
    return turns.reshape(-1, *images.shape[1:]), np.tile(np.arange(4), len(images))


def _spread(rows: NDArray[_T], most: int) -> NDArray[_T]:
    spread: NDArray[_T] = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]
    return spread

"""How often a classifier sees in images the class that was asked for. It judges generators that know classes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pbt_gan.gan.scores.naming import Role

if TYPE_CHECKING:
    from torch import Tensor

KEY = "class_accuracy"
SHORT = "class accuracy"
NAME = "how often the class that was asked for is seen (class accuracy)"
FORMULA = "share of the samples whose most probable class is the one that was asked for"


def class_accuracy(probabilities: "Tensor", asked: "Tensor") -> float:
    """Return the share of images, [N, K] probabilities, whose most probable class is the one asked for, int64[N].

    Of real images with their labels it is the classifier's own accuracy.
    """
    return float((probabilities.argmax(1) == asked).double().mean())


def tells(role: Role, card: Mapping[str, Any]) -> bool:
    """Whether a scorer can say it: it judges, and has learnt the labels of the data."""
    return role == "held-out" and bool(card["predicts"] == "labels")

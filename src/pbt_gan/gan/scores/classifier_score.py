"""How certain a classifier is of each image, and how evenly they spread over the classes."""

import math
from typing import TYPE_CHECKING

from pbt_gan.gan.scores.score import Score, Seen

if TYPE_CHECKING:
    from torch import Tensor


def classifier_score(probabilities: "Tensor", splits: int = 1) -> float:
    """Compute the inception-score formula, exp(mean KL(p(y|x) ‖ p(y))), with the probabilities of any classifier.

    Args:
        probabilities: [N, K], each row sums to 1.
        splits: into how many equal parts the samples go, in their order; the mean of the parts' scores is returned.
            More splits read lower.

    Returns:
        between 1 (all samples alike, or all ambiguous) and K (each sample certain, all classes equally frequent).

    Source: Salimans et al. 2016, arXiv:1606.03498, section 4.
    """
    if not probabilities.isfinite().all():
        return math.nan
    parts = probabilities.double().cpu().tensor_split(splits)
    return sum(_score(part) for part in parts) / splits


def _score(probabilities: "Tensor") -> float:
    marginal = probabilities.mean(0, keepdim=True)
    divergence = probabilities.xlogy(probabilities) - probabilities.xlogy(marginal)
    return math.exp(float(divergence.sum(1).mean()))


def _measure(seen: Seen, reference: None) -> float:
    assert seen.probabilities is not None
    return classifier_score(seen.probabilities)


SCORE = Score(
    "classifier score",
    "exp(mean KL(p(y|x) ‖ p(y)))",
    "higher",
    _measure,
    reference=None,
    needs_probabilities=True,
)

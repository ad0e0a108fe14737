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
    parts = probabilities.double().tensor_split(splits)
    return sum(_score(part) for part in parts) / splits


def classifier_score_influence(probabilities: "Tensor") -> "Tensor":
    """Compute how each sample moves `classifier_score` in one part, float64[N]; their mean is 0.

    One sample moves the logarithm of the score by as much as its own divergence differs from their mean, divided by N,
    since a small change of the marginal p(y) does not change the mean divergence. Not divided here: the standard error
    of the score is the deviation of this by √N.

    Args:
        probabilities: [N, K], each row sums to 1; N ≥ 2. What is not finite gives nan.
    """
    divergences = _divergences(probabilities.double())
    mean = divergences.mean()
    return mean.exp() * (divergences - mean)


def _score(probabilities: "Tensor") -> float:
    return math.exp(float(_divergences(probabilities).mean()))


def _divergences(probabilities: "Tensor") -> "Tensor":
    marginal = probabilities.mean(0, keepdim=True)
    return (probabilities.xlogy(probabilities) - probabilities.xlogy(marginal)).sum(1)


def _measure(seen: Seen, reference: None) -> float:
    assert seen.probabilities is not None
    return classifier_score(seen.probabilities)


def _influence(seen: Seen, reference: None) -> "Tensor":
    assert seen.probabilities is not None
    return classifier_score_influence(seen.probabilities)


SCORE = Score(
    "classifier score",
    "exp(mean KL(p(y|x) ‖ p(y)))",
    "higher",
    _measure,
    reference=None,
    needs_probabilities=True,
    influence=_influence,
)

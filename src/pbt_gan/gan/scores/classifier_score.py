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


def classifier_score_error(probabilities: "Tensor") -> float:
    """Estimate the standard error of `classifier_score` in one part, over the drawing of the samples.

    By the infinitesimal jackknife: one sample moves the logarithm of the score by as much as its own divergence differs
    from their mean, divided by N, since a small change of the marginal p(y) does not change the mean divergence.

    Source: Jaeckel 1972; Efron 1981, Biometrika 68, section 4.

    Args:
        probabilities: [N, K], each row sums to 1; N ≥ 2.
    """
    if not probabilities.isfinite().all():
        return math.nan
    divergences = _divergences(probabilities.double().cpu())
    return math.exp(float(divergences.mean())) * float(divergences.std()) / math.sqrt(len(divergences))


def _score(probabilities: "Tensor") -> float:
    return math.exp(float(_divergences(probabilities).mean()))


def _divergences(probabilities: "Tensor") -> "Tensor":
    marginal = probabilities.mean(0, keepdim=True)
    return (probabilities.xlogy(probabilities) - probabilities.xlogy(marginal)).sum(1)


def _measure(seen: Seen, reference: None) -> float:
    assert seen.probabilities is not None
    return classifier_score(seen.probabilities)


def _error(seen: Seen, reference: None) -> float:
    assert seen.probabilities is not None
    return classifier_score_error(seen.probabilities)


SCORE = Score(
    "classifier score",
    "exp(mean KL(p(y|x) ‖ p(y)))",
    "higher",
    _measure,
    reference=None,
    needs_probabilities=True,
    error=_error,
)

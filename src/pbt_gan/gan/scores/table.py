"""The scores. A new one is a file of its own and a line here."""

from collections.abc import Mapping

from pbt_gan.gan.scores import classifier_score, frechet, kernel
from pbt_gan.gan.scores.score import Score

SCORES: Mapping[str, Score] = {"cs": classifier_score.SCORE, "fcd": frechet.SCORE, "kcd": kernel.SCORE}
"""Members are ranked by the first that a network can measure."""


def measurable(*, probabilities: bool) -> Mapping[str, Score]:
    """Return the scores for a network that gives probabilities, or none."""
    return {key: score for key, score in SCORES.items() if probabilities or not score.needs_probabilities}

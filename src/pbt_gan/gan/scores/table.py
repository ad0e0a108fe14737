"""The scores. A new one is a file of its own and a line here."""

from collections.abc import Mapping

from pbt_gan.gan.scores import classifier_score, density_coverage, frechet, kernel, precision_recall
from pbt_gan.gan.scores.score import Score

SCORES: Mapping[str, Score] = {"cs": classifier_score.SCORE, "fcd": frechet.SCORE, "kcd": kernel.SCORE}
"""Measured in training. Members are ranked by the first that a network can measure."""

EVALUATED: Mapping[str, Score] = {
    **SCORES,
    "precision": precision_recall.PRECISION,
    "recall": precision_recall.RECALL,
    "density": density_coverage.DENSITY,
    "coverage": density_coverage.COVERAGE,
}
"""Measured by an evaluation. Those that are not among `SCORES` need the distances between all pairs of images: beside
the training of the digits that would be a third more (decision 40)."""


def measurable(*, probabilities: bool) -> Mapping[str, Score]:
    """Return the scores of training for a network that gives probabilities, or none."""
    return {key: score for key, score in SCORES.items() if probabilities or not score.needs_probabilities}

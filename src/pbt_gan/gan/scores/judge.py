"""Measures members: what exploit ranks by, and held-out metrics that no decision ever sees."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from pbt_gan.gan.data import Dataset
from pbt_gan.gan.scores.score import Score
from pbt_gan.gan.scores.scorers import RECIPES, digests, prepare_scorers, read_scorer
from pbt_gan.gan.scores.table import SCORES, measurable
from pbt_gan.gan.settings import MetricsSettings

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Judge", "cards", "digests", "prepare_scorers"]

Sample = Callable[[int, Generator], "Sequence[Tensor | None]"]
"""Makes `count` images of each member, uint8[count, H, W, C], from latents drawn from the generator; None: they are not
finite."""

_PREFIXES = {"select": "", "held-out": "held_out_"}
_SPOKEN = {"select": "", "held-out": "held-out "}


class Judge:
    """Measures samples with both scorers of a run.

    Args:
        dataset: the real images, for which the scorers were made.
        metrics: how many samples are drawn.
        folder: the one that `prepare_scorers` filled.
        device: where the networks run; the formulas are computed in float64 on the CPU.
    """

    def __init__(self, dataset: Dataset, metrics: MetricsSettings, folder: Path, device: str) -> None:
        from pbt_gan.gan.scores.scorer import own_scorer  # imports torch

        self._samples = _samples(metrics)
        self._scorers = {role: own_scorer(read_scorer(folder, role, dataset), device) for role in RECIPES}

    def measure(self, sample: Sample, rng: Generator) -> list[dict[str, float]]:
        """Return every metric of each member, nan where its samples are not finite.

        `score` is what exploit ranks by: the first of the table that can be measured, negated if lower is better. So it
        is `cs`, or the negated `fcd` where the data has no labels. `score_error` is its standard error: how far it
        would be off with other latents. Selection and held-out metrics use different latents. An equal `rng`, not the
        same one again, gives equal latents.
        """
        roles = [
            [
                {prefix + name: value for name, value in measured.items()}
                for measured in self._scorers[role].measure(
                    sample(self._samples[role], latents), error=role == "select"
                )
            ]
            for (role, prefix), latents in zip(_PREFIXES.items(), rng.spawn(2), strict=True)
        ]
        return [_ranked({**selecting, **held_out}) for selecting, held_out in zip(*roles, strict=True)]


def cards(dataset: Dataset, metrics: MetricsSettings, folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return for each metric of `Judge.measure` how it comes about, as JSON values."""
    cards: dict[str, Mapping[str, Any]] = {}
    checksums = digests(folder)
    for role, prefix in _PREFIXES.items():
        network = read_scorer(folder, role, dataset)["card"]
        for key, score in measurable(probabilities=network["predicts"] == "labels").items():
            count = _samples(metrics)[role]
            cards[prefix + key] = {
                "short": f"{_SPOKEN[role]}{key.upper()}",
                "name": f"{score.name} ({key.upper()})",
                "formula": score.formula,
                "better": score.better,
                "used_for": "selection" if role == "select" else "judging only (held out)",
                "samples": min(count, score.most_images or count),
                "splits": 1,
                "latents": f"the same for every member; those of {role}",
                "reference": _reference(score, dataset),
                "network": f"scorers/{role}.safetensors",
                "network_sha256": checksums[f"scorers/{role}"],
                "network_predicts": network["predicts"],
                "network_accuracy": network["accuracy"],
                "network_seed": network["seed"],
                "network_width": network["shape"]["width"],
                **({"of_real_images": network["score_of_real_images"]} if score.needs_probabilities else {}),
            }
    ranked = next(iter(cards))
    sign = "" if cards[ranked]["better"] == "higher" else "negated "
    first = {
        **cards[ranked],
        "short": f"{sign}{cards[ranked]['short']}",
        "name": f"{sign}{cards[ranked]['name']}",
        "better": "higher",
        "same_as": f"{sign}{ranked}",
    }
    return {"score": first, **cards}


def _ranked(measured: dict[str, float]) -> dict[str, float]:
    """Return a member's metrics with what it is ranked by, and that one's standard error if there is one."""
    key = next(iter(measured))
    score = measured[key] if SCORES[key].better == "higher" else -measured[key]
    error = {"score_error": measured.pop("error")} if "error" in measured else {}
    return {"score": score, **error, **measured}


def _reference(score: Score, dataset: Dataset) -> str | None:
    if score.reference is None:
        return None
    count = len(dataset.images)
    if score.most_images is not None and count > score.most_images:
        return f"{score.most_images:,} of the {count:,} images of {dataset.name}, evenly spread"
    return f"all {count:,} images of {dataset.name}, which are also the training images"


def _samples(metrics: MetricsSettings) -> Mapping[str, int]:
    return {"select": metrics.samples, "held-out": metrics.held_out_samples}

"""Measures members: what exploit ranks by, and held-out metrics that no decision ever sees."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from pbt_gan.gan.data import Dataset
from pbt_gan.gan.scores.scorers import KERNEL_IMAGES, RECIPES, digests, prepare_scorers, read_scorer
from pbt_gan.gan.settings import MetricsSettings

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Judge", "cards", "digests", "prepare_scorers"]

Sample = Callable[[int, Generator], "Sequence[Tensor | None]"]
"""Makes `count` images of each member, uint8[count, H, W, C], from latents drawn from the generator; None: they are not
finite."""

_PREFIXES = {"select": "", "held-out": "held_out_"}
_SPOKEN = {"select": "", "held-out": "held-out "}
_FORMULAS = {
    "cs": ("classifier score", "exp(mean KL(p(y|x) ‖ p(y)))", "higher"),
    "fcd": ("Fréchet classifier distance", "|μ₁ − μ₂|² + tr(C₁ + C₂ − 2(C₁C₂)^½)", "lower"),
    "kcd": ("kernel classifier distance", "unbiased MMD², kernel (x·y/d + 1)³", "lower"),
}


class Judge:
    """Measures samples with both scorers of a run.

    Args:
        dataset: the real images, for which the scorers were made.
        metrics: how many samples are drawn.
        folder: the one that `prepare_scorers` filled.
        device: where the networks run; the formulas are computed in float64 on the CPU.
    """

    def __init__(self, dataset: Dataset, metrics: MetricsSettings, folder: Path, device: str) -> None:
        from pbt_gan.gan.scores.scorer import Scorer  # imports torch

        self._samples = _samples(metrics)
        self._scorers = {role: Scorer(read_scorer(folder, role, dataset), device) for role in RECIPES}

    def measure(self, sample: Sample, rng: Generator) -> list[dict[str, float]]:
        """Return every metric of each member, nan where its samples are not finite.

        `score` is what exploit ranks by: `cs`, or the negated `fcd` where the data has no labels. Selection and
        held-out metrics use different latents. An equal `rng`, not the same one again, gives equal latents.
        """
        roles = [
            [
                {prefix + name: value for name, value in measured.items()}
                for measured in self._scorers[role].measure(sample(self._samples[role], latents))
            ]
            for (role, prefix), latents in zip(_PREFIXES.items(), rng.spawn(2), strict=True)
        ]
        members: list[dict[str, float]] = [
            {**selecting, **held_out} for selecting, held_out in zip(*roles, strict=True)
        ]
        return [{"score": own["cs"] if "cs" in own else -own["fcd"], **own} for own in members]


def cards(dataset: Dataset, metrics: MetricsSettings, folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return for each metric of `Judge.measure` how it comes about, as JSON values."""
    cards: dict[str, Mapping[str, Any]] = {}
    checksums = digests(folder)
    for role, prefix in _PREFIXES.items():
        network = read_scorer(folder, role, dataset)["card"]
        for key in ("cs", "fcd", "kcd") if network["predicts"] == "labels" else ("fcd", "kcd"):
            name, formula, better = _FORMULAS[key]
            count = _samples(metrics)[role]
            cards[prefix + key] = {
                "short": f"{_SPOKEN[role]}{key.upper()}",
                "name": f"{name} ({key.upper()})",
                "formula": formula,
                "better": better,
                "used_for": "selection" if role == "select" else "judging only (held out)",
                "samples": min(count, KERNEL_IMAGES) if key == "kcd" else count,
                "splits": 1,
                "latents": f"the same for every member; those of {role}",
                "reference": _reference(key, dataset),
                "network": f"scorers/{role}.safetensors",
                "network_sha256": checksums[f"scorers/{role}"],
                "network_predicts": network["predicts"],
                "network_accuracy": network["accuracy"],
                "network_seed": network["seed"],
                "network_width": network["shape"]["width"],
                **({"of_real_images": network["score_of_real_images"]} if key == "cs" else {}),
            }
    ranked = "cs" if "cs" in cards else "fcd"
    sign = "" if ranked == "cs" else "negated "
    score = {
        **cards[ranked],
        "short": f"{sign}{cards[ranked]['short']}",
        "name": f"{sign}{cards[ranked]['name']}",
        "better": "higher",
        "same_as": f"{sign}{ranked}",
    }
    return {"score": score, **cards}


def _reference(key: str, dataset: Dataset) -> str | None:
    if key == "cs":
        return None
    count = len(dataset.images)
    if key == "kcd" and count > KERNEL_IMAGES:
        return f"{KERNEL_IMAGES:,} of the {count:,} images of {dataset.name}, evenly spread"
    return f"all {count:,} images of {dataset.name}, which are also the training images"


def _samples(metrics: MetricsSettings) -> Mapping[str, int]:
    return {"select": metrics.samples, "held-out": metrics.held_out_samples}

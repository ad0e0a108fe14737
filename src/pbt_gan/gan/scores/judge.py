"""Measures members: what exploit ranks by, and held-out metrics that no decision ever sees."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from pbt_gan.gan.data import Dataset
from pbt_gan.gan.data.classes import UNLABELLED, Classes
from pbt_gan.gan.scores import class_accuracy
from pbt_gan.gan.scores.class_accuracy import tells
from pbt_gan.gan.scores.examination import Findings, judged
from pbt_gan.gan.scores.ladder import rung_of, samples
from pbt_gan.gan.scores.naming import Role, key, short
from pbt_gan.gan.scores.naming import name as full_name
from pbt_gan.gan.scores.recipes import RECIPES
from pbt_gan.gan.scores.score import Score
from pbt_gan.gan.scores.scorers import (
    as_chosen,
    digests,
    findings_of,
    given,
    kind_of,
    prepare_scorers,
    ranks_by,
    read_scorer,
)
from pbt_gan.gan.scores.table import SCORES, measurable
from pbt_gan.gan.settings import MetricsSettings

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Judge", "as_chosen", "cards", "digests", "prepare_scorers"]

Sample = Callable[[int, Generator], "Sequence[Tensor | None]"]
"""Makes `count` images of each member, uint8[count, H, W, C], from latents drawn from the generator; None: they are not
finite."""


class Judge:
    """Measures samples with both scorers of a run.

    Args:
        dataset: the real images, for which the scorers were made.
        metrics: how many samples are drawn.
        folder: the one that `prepare_scorers` filled.
        device: where the networks run, and the formulas are computed, in float64.
        classes: that samples are asked for, `classes.labels`; none: they are asked for nothing.
    """

    def __init__(
        self, dataset: Dataset, metrics: MetricsSettings, folder: Path, device: str, classes: Classes = UNLABELLED
    ) -> None:
        import torch

        from pbt_gan.gan.scores.making import scorer_of

        trees = {role: read_scorer(folder, role, dataset) for role in RECIPES}
        self._scorers = {role: scorer_of(tree, device, given(metrics)) for role, tree in trees.items()}
        self._kinds = {role: kind_of(tree["card"]) for role, tree in trees.items()}
        self._samples = {role: samples(metrics, role, rung_of(tree["card"])) for role, tree in trees.items()}
        self._asked = {
            role: torch.from_numpy(classes.labels(self._samples[role])).to(device)
            if len(classes) and tells(role, tree["card"])
            else None
            for role, tree in trees.items()
        }

    def measure(self, sample: Sample, rng: Generator) -> list[dict[str, float]]:
        """Return every metric of each member, nan where its samples are not finite.

        `score` is what exploit ranks by, negated if lower is better: `cs` of a classifier, else a distance.
        `score_error` is its standard error: how far it would be off with other latents. Selection and held-out metrics
        use different latents. An equal `rng`, not the same one again, gives equal latents.
        """
        roles = [
            self._scorers[role].measure(
                sample(self._samples[role], latents), error=role == "select", asked=self._asked[role]
            )
            for role, latents in zip(RECIPES, rng.spawn(2), strict=True)
        ]
        return [self._named(dict(zip(RECIPES, measured, strict=True))) for measured in zip(*roles, strict=True)]

    def _named(self, measured: Mapping[Role, dict[str, float]]) -> dict[str, float]:
        """Return a member's metrics by their keys, with what it is ranked by and the error of that if there is one."""
        best = self._scorers["select"].ranks_by
        score = measured["select"][best]
        error = {"score_error": measured["select"].pop("error")} if "error" in measured["select"] else {}
        metrics = {
            key(self._kinds[role], name, role): value
            for role, scores in measured.items()
            for name, value in scores.items()
        }
        return {"score": score if SCORES[best].better == "higher" else -score, **error, **metrics}


def cards(
    dataset: Dataset, metrics: MetricsSettings, folder: Path, *, conditional: bool = False
) -> Mapping[str, Mapping[str, Any]]:
    """Return for each metric of `Judge.measure` how it comes about, as JSON values.

    Args:
        dataset: as of `Judge`.
        metrics: likewise.
        folder: likewise.
        conditional: whether samples are asked for classes.
    """
    cards: dict[str, Mapping[str, Any]] = {}
    checksums = digests(folder)
    ranked = ""
    for role in RECIPES:
        card = read_scorer(folder, role, dataset)["card"]
        kind, findings, count = kind_of(card), findings_of(card), samples(metrics, role, rung_of(card))
        for name, score in measurable(probabilities=kind != "own" or card["predicts"] == "labels").items():
            if role == "select" and name == ranks_by(card):
                ranked = key(kind, name)
            cards[key(kind, name, role)] = {
                "short": short(kind, name, role),
                "name": full_name(kind, name, score.name),
                "formula": score.formula,
                "better": score.better,
                "used_for": "selection" if role == "select" else "judging only (held out)",
                "samples": min(count, score.most_images or count),
                "splits": 1,
                "latents": f"the same for every member; those of {role}",
                "reference": _reference(score, dataset, card),
                "network": f"scorers/{role}.safetensors",
                "network_sha256": checksums[f"scorers/{role}"],
                **_of_network(card),
                **_of_examination(findings, name, count),
            }
        if conditional and tells(role, card):
            cards[key(kind, class_accuracy.KEY, role)] = {
                "short": f"held-out {class_accuracy.SHORT}",
                "name": class_accuracy.NAME,
                "formula": class_accuracy.FORMULA,
                "better": "higher",
                "used_for": "judging only (held out)",
                "samples": count,
                "latents": f"the same for every member; those of {role}",
                "network": f"scorers/{role}.safetensors",
                "network_sha256": checksums[f"scorers/{role}"],
                **_of_network(card),
            }
    sign = "" if cards[ranked]["better"] == "higher" else "negated "
    first = {
        **cards[ranked],
        "short": f"{sign}{cards[ranked]['short']}",
        "name": f"{sign}{cards[ranked]['name']}",
        "better": "higher",
        "same_as": f"{sign}{ranked}",
    }
    return {"score": first, **cards}


def _of_network(card: Mapping[str, Any]) -> Mapping[str, Any]:
    told = {"network_predicts": card["predicts"]}
    if kind_of(card) == "own":
        told |= {"network_accuracy": card["accuracy"], "network_accuracy_of_images": card["held_out_images"]}
        told |= {"network_seed": card["seed"], "network_width": card["shape"]["width"]}
    else:
        told |= {f"network_{name}": value for name, value in card["network"].items()}
    return {**told, "chosen": card["why"]} if "why" in card else told


def _of_examination(findings: Findings | None, name: str, samples: int) -> Mapping[str, Any]:
    """Return what a score is of real images that its network had not seen, and how it passed its examination."""
    if findings is None or name not in findings.scores:
        return {}
    return {
        "of_real_images": findings.scores[name].of_real_images,
        "of_real_images_unseen": findings.unseen,
        "examination": judged(findings, name, samples).plain(),
    }


def _reference(score: Score, dataset: Dataset, card: Mapping[str, Any]) -> str | None:
    if score.reference is None:
        return None
    count = len(dataset.images)
    most = min(card.get("reals", count), score.most_images or count)
    if most < count:
        return f"{most:,} of the {count:,} images of {dataset.name}, evenly spread"
    return f"all {count:,} images of {dataset.name}, which are also the training images"

"""How long the scorers of a run will take, measured for a moment, and stand-ins for them that cost nothing."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from pbt_gan import files
from pbt_gan.codec import encode
from pbt_gan.gan.data import Dataset
from pbt_gan.gan.scores.classifier import BATCH, train_classifier
from pbt_gan.gan.scores.corruptions import GRADED, NOTHING, STRENGTHS
from pbt_gan.gan.scores.held_back import held_back
from pbt_gan.gan.scores.ladder import RANKS_BY
from pbt_gan.gan.scores.making import Tree, lesson_of, make_scorer, network_of
from pbt_gan.gan.scores.naming import Role
from pbt_gan.gan.scores.recipes import RECIPES, Effort, whole_effort
from pbt_gan.gan.scores.scorers import given, known, order_of, scorer_file
from pbt_gan.gan.settings import TRAINED, MetricsSettings, Rung

_STEPS = 4  # timed
_LOOKS = 100  # images, timed
_LITTLE = Effort(steps=1, reals=20, examined=2)


def rehearse_scorers(dataset: Dataset, folder: Path, metrics: MetricsSettings) -> float:
    """Put a scorer for each role into a folder, and return the seconds that making them for a run will take.

    Those that are shipped or kept are taken. Else the first choice is there as a stand-in that has learnt nothing, for
    timing members' scores with; should it fail its examination in the run, another one takes that long again.

    Raises:
        StorageError: the disk refused.
        ConfigError: a network that the settings ask for is not to be had.
    """
    files.make_folder(folder)
    total_s = 0.0
    before: Mapping[str, Any] | None = None
    for role in RECIPES:
        rung = order_of(dataset, metrics, role, before)[0]
        tree = known(dataset, role, rung)
        if tree is None:
            tree = make_scorer(dataset, role, rung, _LITTLE, given(metrics))
            total_s += _seconds(dataset, role, rung, tree, metrics)
        if "findings" in tree["card"]:
            tree = {**tree, "card": {**tree["card"], "ranks_by": RANKS_BY[rung][0]}}
        files.write(scorer_file(folder, role), encode(tree), durable=False)
        before = tree["card"]
    return total_s


def looks(dataset: Dataset, effort: Effort) -> int:
    """Return how many images a network looks at until its scorer is made."""
    sets = 2 + len(NOTHING) + len(GRADED) * len(STRENGTHS)
    unseen = len(held_back(dataset, 0).unseen.images)
    return min(effort.reals or len(dataset.images), len(dataset.images)) + sets * min(unseen, effort.examined)


def _seconds(dataset: Dataset, role: Role, rung: Rung, tree: Tree, metrics: MetricsSettings) -> float:
    effort, network = whole_effort(rung), network_of(tree, "cpu", given(metrics))
    images = torch.from_numpy(dataset.images[:_LOOKS])
    look_s = _timed(lambda: network(images)) / len(images)
    total_s = looks(dataset, effort) * look_s
    if rung in TRAINED:
        recipe = RECIPES[role]
        lesson = lesson_of(dataset, rung, held_back(dataset, recipe.seed))
        few = (lesson.images[: 2 * BATCH], lesson.labels[: 2 * BATCH], lesson.classes)
        training_s = _timed(lambda: train_classifier(*few, width=recipe.width, seed=recipe.seed, steps=_STEPS))
        total_s += effort.steps * training_s / _STEPS
    return total_s


def _timed(do: Callable[[], object]) -> float:
    do()  # warms up
    began_s = time.monotonic()
    do()
    return time.monotonic() - began_s

"""The networks that score a run: shipped for known data, else trained on the user's own at the start of the run.

One selects and a second, of another seed and width, is held out: it judges and never selects. With labels they are
classifiers; without, they learn by how many quarter turns an image was rotated, and only their features are used.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pbt_gan import files
from pbt_gan.codec import decode, encode
from pbt_gan.errors import DamageError, RunFolderError
from pbt_gan.gan.data import Dataset
from pbt_gan.gan.scores.classifier_score import classifier_score
from pbt_gan.gan.scores.frechet import Moments
from pbt_gan.gan.scores.kernel import KERNEL_IMAGES

STEPS = 1_000
"""How long a scorer is trained at the start of a run, in batches: 10 to 40 seconds on one core."""

ROTATED_IMAGES = 20_000
"""At most so many images, evenly spread over the data, teach rotations: each is there four times."""

_T = TypeVar("_T", bound=np.generic)

_log = logging.getLogger(__name__)


class Recipe(NamedTuple):
    """What sets one scorer apart from the other."""

    width: int
    seed: int


RECIPES: Mapping[str, Recipe] = {"select": Recipe(width=16, seed=1), "held-out": Recipe(width=24, seed=2)}
"""By role; `FOLDER/ROLE.safetensors` holds what became of it."""


def scorer_file(folder: Path, role: str) -> Path:
    """Return where a run keeps a scorer."""
    return folder / f"{role}.safetensors"


def prepare_scorers(dataset: Dataset, folder: Path) -> None:
    """Put both scorers of a data set into a folder; those that are there and whole are kept.

    Raises:
        StorageError: the disk refused.
        RunFolderError: scorers of other images lie there.
        DamageError: a shipped scorer is not what was shipped.
    """
    files.make_folder(folder)
    for role in RECIPES:
        made_for = _made_for(scorer_file(folder, role))
        if made_for not in (None, dataset.fingerprint):
            raise _of_other_images(scorer_file(folder, role), dataset)
        if made_for is None:
            data = _shipped(dataset, role) or train_scorer(dataset, role, STEPS)
            files.write(scorer_file(folder, role), data)


def read_scorer(folder: Path, role: str, dataset: Dataset) -> Mapping[str, Any]:
    """Return a scorer as `train_scorer` made it, its tensors as NumPy arrays.

    Raises:
        DamageError: it is missing or damaged.
        RunFolderError: it was made for other data.
    """
    path = scorer_file(folder, role)
    try:
        scorer: Mapping[str, Any] = decode(path.read_bytes())
        if scorer["card"]["data_fingerprint"] == dataset.fingerprint:
            return scorer
    except (OSError, DamageError, KeyError, TypeError) as error:
        raise DamageError(
            f"{path} is missing or damaged; take the run's folder from a backup, or begin anew."
        ) from error
    raise _of_other_images(path, dataset)


def digests(folder: Path) -> Mapping[str, str]:
    """Return the sha256 of each scorer of a run."""
    return {f"scorers/{role}": _sha256(scorer_file(folder, role).read_bytes()) for role in RECIPES}


def train_scorer(dataset: Dataset, role: str, steps: int) -> bytes:
    """Train a scorer and measure the real images with it; return the content of its file.

    It is one tree in the package's codec: `card` (what it is, JSON values), `weights`, and `reference`: mean and
    covariance of the features of all real images, and features of `KERNEL_IMAGES` of them.
    """
    import torch

    from pbt_gan.gan.scores.classifier import load_classifier, train_classifier

    _log.info("training the scorer %r of %s, %d steps", role, dataset.name, steps)
    recipe = RECIPES[role]
    if dataset.labels is None:
        images, labels = _rotated(_spread(dataset.images, ROTATED_IMAGES))
        predicts, classes = "rotations", 4
    else:
        images, labels, predicts, classes = dataset.images, dataset.labels, "labels", dataset.classes
    trained = train_classifier(images, labels, classes, width=recipe.width, seed=recipe.seed, steps=steps)
    shape = {"size": images.shape[1], "channels": images.shape[3], "classes": classes, "width": recipe.width}
    features, probabilities = load_classifier(trained.weights, **shape).measure(torch.from_numpy(dataset.images))
    moments = Moments.of(features)
    card = {
        "data": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "images": len(dataset.images),
        "predicts": predicts,
        "shape": shape,
        "parameters": sum(array.size for name, array in trained.weights.items() if name.endswith(("weight", "bias"))),
        "seed": recipe.seed,
        "steps": steps,
        "accuracy": trained.accuracy,  # on images that it was not trained on
        "held_out_images": trained.held_out,
        "score_of_real_images": classifier_score(probabilities),
    }
    reference = {
        "mean": moments.mean.numpy(),
        "covariance": moments.covariance.numpy(),
        "kernel_features": _spread(features.numpy(), KERNEL_IMAGES),
    }
    return encode({"card": card, "weights": trained.weights, "reference": reference})


def shipped_folder() -> Path:
    """Return where the package keeps its scorers: `DATA-ROLE.safetensors`, and their cards in `DATA.json`."""
    return Path(str(package_files("pbt_gan"))) / "scorers"


def _shipped(dataset: Dataset, role: str) -> bytes | None:
    for cards in sorted(shipped_folder().glob("*.json")):
        card: Mapping[str, Any] = json.loads(cards.read_text())[role]
        if card["data_fingerprint"] == dataset.fingerprint:
            path = shipped_folder() / str(card["file"])
            data = path.read_bytes()
            if _sha256(data) != card["sha256"]:
                raise DamageError(f"{path} is damaged; install pbt-gan again.")
            return data
    return None


def _made_for(path: Path) -> str | None:
    """Return the fingerprint of the data that a scorer was made for; None: it is missing or damaged."""
    try:
        return str(decode(path.read_bytes())["card"]["data_fingerprint"])
    except (OSError, DamageError, KeyError, TypeError):
        return None


def _of_other_images(path: Path, dataset: Dataset) -> RunFolderError:
    return RunFolderError(
        f"{path} was made for other images than {dataset.name}: the data is not what it was when this run began. "
        "Put it back or say where it lies, or begin a new run with --out."
    )


def _rotated(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    turns = np.stack([np.rot90(images, turns, axes=(1, 2)) for turns in range(4)], axis=1)
    return turns.reshape(-1, *images.shape[1:]), np.tile(np.arange(4), len(images))


def _spread(rows: NDArray[_T], most: int) -> NDArray[_T]:
    spread: NDArray[_T] = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]
    return spread


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

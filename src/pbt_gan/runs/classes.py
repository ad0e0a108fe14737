"""What a run's classifier sees in images."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan import codec, files
from pbt_gan.errors import ConfigError, DamageError
from pbt_gan.gan.data.classes import Classes, kept
from pbt_gan.gan.scores.scorers import MOST_BYTES, scorer_file
from pbt_gan.interfaces import Images
from pbt_gan.runs.folder import scorers


class Sight(NamedTuple):
    """What was seen."""

    classes: NDArray[np.int64]  # [N], the most probable of each image
    known: Classes  # that the classifier tells apart
    accuracy: float  # of the classifier, on real images that it was not trained on


def classes_seen(run: Path, images: Images) -> Sight:
    """Return the class of each image, as the classifier that scored a run sees it.

    Raises:
        ConfigError: the run has no classifier: its data has no labels, or other networks scored it.
        DamageError: it is damaged.
    """
    for role in ("select", "held-out"):
        path = scorer_file(scorers(run), role)
        try:
            scorer = codec.decode(files.content(path, MOST_BYTES))
            card = scorer["card"]
        except FileNotFoundError:
            continue
        except (OSError, KeyError, TypeError) as error:
            raise DamageError(f"{path} is damaged; take the run's folder from a backup.") from error
        if card["predicts"] == "labels":
            import torch

            from pbt_gan.gan.scores.classifier import load_classifier

            _, probabilities = load_classifier(scorer["weights"], **card["shape"]).measure(torch.from_numpy(images))
            # Runs of earlier versions keep no names.
            known = kept(scorers(run)) or Classes(counts=(1,) * int(card["shape"]["classes"]))
            return Sight(probabilities.argmax(1).numpy(), known, float(card["accuracy"]))
    raise ConfigError(
        f"{run} has no classifier: its images have no labels, or were scored without. Leave --classes out."
    )

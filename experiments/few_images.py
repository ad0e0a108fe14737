"""Little data: the preset for it beside a plain DCGAN, both trained on the same few images by the same population.

    python experiments/few_images.py FOLDER --data PATH --images 500 --budget 8000 --seeds 300,301,302

Images are drawn evenly from PATH, with a seed of their own. Every arm has the same steps, the same phases, and ranges
of rates of its own preset. Who selects sees the few images only. The best member of each run is judged by the Fréchet
and the kernel distance of 2,000 of its images to the images that PATH keeps for tests, in the features of a classifier
that has learnt from all of PATH. What is in FOLDER already is kept, so the same command goes on after it was stopped.
The table is printed, and lies in FOLDER/few-images.json.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

import pbt_gan
from pbt_gan.core.rng import stream
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.scores.frechet import Moments, frechet_distance
from pbt_gan.gan.scores.kernel import Cloud, kernel_distance
from pbt_gan.gan.scores.making import make_scorer
from pbt_gan.gan.scores.recipes import Effort
from pbt_gan.gan.scores.scorer import FeatureNetwork, OwnNetwork
from pbt_gan.interfaces import Images

JUDGED_BY = 2_000

PHASES = [[0, 4], [0.2, 2], [0.35, 1]]
"""Members from a share of the budget on, in every arm: a short search, then one that trains for long."""

READY_STEPS = 75

ARMS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "small-data": ("small-data", {}),
    "DCGAN": ("fashion-mnist", {}),
}
"""The preset of each, and what is changed of its task."""


def main() -> None:
    """Train, judge, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where everything is kept")
    parser.add_argument("--data", required=True, help="labelled images, some of them for tests")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--budget", type=int, default=3_000, help="steps of all members of a run together")
    parser.add_argument("--seeds", default="300,301,302")
    parser.add_argument("--arms", default=";".join(ARMS))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    dataset = load_dataset(asked.data)
    if dataset.unseen is None:
        parser.error("the data keeps no images for tests")
    few = write_few(asked.folder, dataset, asked.images)
    for seed in map(int, asked.seeds.split(",")):
        for arm in asked.arms.split(";"):
            train(asked.folder, arm, seed, few, asked.budget)
    found = judged(asked.folder, judge(dataset), dataset.unseen.images)
    files = {"images": asked.images, "budget_steps": asked.budget, "arms": found}
    (asked.folder / "few-images.json").write_text(json.dumps(files, indent=1))
    print(table(found))


def write_few(folder: Path, dataset: Dataset, count: int) -> Path:
    """Write some of the images, drawn without their order, with their labels; return the file."""
    path = folder / f"few-{count}.npz"
    if not path.exists():
        chosen = np.sort(stream(0, "few images").choice(len(dataset.images), count, replace=False))
        labels = {} if dataset.labels is None else {"y_train": dataset.labels[chosen]}
        np.savez_compressed(path, x_train=dataset.images[chosen], **labels)
    return path


def train(folder: Path, arm: str, seed: int, few: Path, budget: int) -> None:
    """Train one run of an arm, or what is left of it, and keep images of its best member."""
    out = folder / f"{name_of(arm)}-{seed}"
    if samples_of(out).exists():
        return
    preset, changed = ARMS[arm]
    began_s = time.process_time()
    run = pbt_gan.run(
        preset,
        task={"data": str(few), **changed},
        budget_steps=budget,
        population=PHASES,
        ready_interval=READY_STEPS,
        seed=seed,
        executor={"name": "serial"},
        out=out,
        quiet=True,
    )
    images = run.generator("best").sample(JUDGED_BY, seed=seed)
    np.savez_compressed(samples_of(out), images=images)
    cost_s = sum(report.cost_s for report in run.history.reports)
    (out / "few.json").write_text(json.dumps({"arm": arm, "seed": seed, "device_s": round(cost_s, 1)}))
    print(f"{arm}, seed {seed}: {time.process_time() - began_s:.0f} s", flush=True)


def name_of(arm: str) -> str:
    """Return the folder's name of an arm."""
    return arm.replace(", ", "-").lower()


def samples_of(run: Path) -> Path:
    """Return where images of a run's best member are kept."""
    return run / "judged.npz"


def judge(dataset: Dataset) -> FeatureNetwork:
    """Return a classifier of all the images."""
    scorer = make_scorer(dataset, "held-out", "classifier", Effort(3_000, reals=None, examined=2))
    print(f"judge: accuracy {scorer['card']['accuracy']:.3f}", flush=True)
    return OwnNetwork(scorer, "cpu")


def judged(folder: Path, network: FeatureNetwork, reals: Images) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return what the judge says of every run that is there, by arm."""
    unseen = network(torch.from_numpy(np.ascontiguousarray(reals))).features
    moments, cloud = Moments.of(unseen), Cloud.of(unseen[:: len(unseen) // JUDGED_BY])
    found: dict[str, list[Mapping[str, Any]]] = {}
    for path in sorted(folder.glob("*/few.json")):
        row = json.loads(path.read_text())
        made = network(torch.from_numpy(np.load(samples_of(path.parent))["images"])).features
        values = {"fcd": frechet_distance(moments, Moments.of(made)), "kcd": kernel_distance(cloud, Cloud.of(made))}
        found.setdefault(row.pop("arm"), []).append({**row, **values})
    return found


def table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return Markdown: a row an arm, mean and standard deviation over seeds."""
    lines = ["| arm | seeds | FCD | KCD | device seconds |", "|---|---|---|---|---|"]
    for arm, rows in found.items():
        cells = []
        for key, digits in (("fcd", 2), ("kcd", 4), ("device_s", 0)):
            values = [row[key] for row in rows]
            spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{mean(values):.{digits}f}{spread}")
        lines.append(f"| {arm} | {len(rows)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

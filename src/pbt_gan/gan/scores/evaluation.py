"""What networks make of one set of images beside another: every score, with its interval."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbt_gan.gan.scores import naming
from pbt_gan.gan.scores.frechet import Moments
from pbt_gan.gan.scores.memorisation import Memorisation, memorisation
from pbt_gan.gan.scores.score import Reals, Score, Seen
from pbt_gan.gan.scores.table import EVALUATED, SCORES

if TYPE_CHECKING:
    from pbt_gan.gan.scores.scorer import FeatureNetwork

FEWEST_IMAGES = 20
"""With fewer no number here says anything."""

MOST_PARTS = 10
"""Of a score that looks at 1,000 images at a time, at most so many thousands are measured."""

INCEPTION_SPLITS = 10
"""Of the inception score, as the literature has it."""

_95_PERCENT = 1.96

_SHARES = ("precision", "recall", "coverage")

Pictures = NDArray[np.uint8]


class Look(NamedTuple):
    """A network, and what is known of it."""

    kind: naming.NetworkKind
    network: "FeatureNetwork"
    says: str  # what it is, in a line
    card: Mapping[str, Any]  # JSON values


@dataclass(frozen=True)
class Measurement:
    """One score of a set of images."""

    short: str  # what tables call it
    name: str
    formula: str
    better: str  # "higher" or "lower"
    value: float
    error: float  # its standard error over the drawing of the images; given the real ones
    real: float | None  # the same of as many real images that no generator was trained on; None: there are none
    images: int  # that were looked at
    at_a_time: int | None  # it is a mean over so many at a time; None: of all together
    bias: float | None  # how much more it reads than with ever more images would be, by its halves; None: nothing
    share: bool = False  # it lies between 0 and 1

    @property
    def interval(self) -> tuple[float, float]:
        """The normal 95 % interval."""
        low, high = self.value - _95_PERCENT * self.error, self.value + _95_PERCENT * self.error
        return (max(0.0, low), min(1.0, high)) if self.share else (low, high)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "interval_95": list(self.interval)}


@dataclass(frozen=True)
class Judgement:
    """What one network makes of a set of images."""

    look: Look
    measurements: Mapping[str, Measurement]  # by the names of `naming.key`
    reals: int  # real images that it has looked at
    memorisation: Memorisation | None  # None: the real images themselves were not there


def judge(look: Look, images: Pictures, reals: Pictures, unseen: Pictures | None) -> Judgement:
    """Measure everything that a network can tell of images.

    Args:
        look: the network.
        images: uint8[N, H, W, C], N ≥ `FEWEST_IMAGES`.
        reals: uint8[M, H, W, C], those that the generator of the images was trained on, or some of them.
        unseen: real images that it was not trained on; they are measured like the images if they are as many.
    """
    from torch import from_numpy

    seen, known, fresh = (
        None if pictures is None else look.network(from_numpy(np.ascontiguousarray(pictures)))
        for pictures in (images, reals, unseen)
    )
    assert seen is not None
    assert known is not None
    beside = None if fresh is None or len(fresh.features) < len(images) else _part(fresh, 0, len(images))
    measurements = _measurements(look, EVALUATED, seen, _of_images(known), beside)
    found = memorisation(seen.features, known.features, None if fresh is None else fresh.features)
    measurements[naming.key(look.kind, "copied")] = Measurement(
        short=naming.short(look.kind, "copied"),
        name="share of images that must be copies",
        formula="(s − 0.05) / 0.95, s: images nearer to a real one than all but 5 % of unseen real images are",
        better="lower",
        value=found.copied,
        error=found.error,
        real=None,
        images=len(images),
        at_a_time=None,
        bias=None,
    )
    return Judgement(look, measurements, len(reals), found)


def judge_beside(look: Look, images: Pictures, kept: Reals, reals: int) -> Judgement:
    """Measure what a network can tell of images beside what it once saw of real ones, which need not be there.

    Those are the scores of training; what compares image with image is left out.

    Args:
        look: the network.
        images: as of `judge`.
        kept: what it saw.
        reals: of how many images.
    """
    from torch import from_numpy

    seen = look.network(from_numpy(np.ascontiguousarray(images)))
    return Judgement(look, _measurements(look, SCORES, seen, lambda size, offset: kept, None), reals, None)


Beside = Callable[[int | None, float], Reals]
"""What is known of the real images, for a score that looks at so many at a time (None: at all), from a place on."""


def _measurements(
    look: Look, scores: Mapping[str, Score], seen: Seen, beside: Beside, unseen: Seen | None
) -> dict[str, Measurement]:
    return {
        naming.key(look.kind, key): _measured(look, key, score, seen, beside, unseen)
        for key, score in scores.items()
        if seen.probabilities is not None or not score.needs_probabilities
    }


def _measured(look: Look, key: str, score: Score, seen: Seen, beside: Beside, unseen: Seen | None) -> Measurement:
    splits = INCEPTION_SPLITS if (look.kind, key) == ("inception", "cs") else 1
    parts = _parts(score, seen, beside, splits)
    value, size = _value(score, parts), score.most_images
    return Measurement(
        short=naming.short(look.kind, key),
        name=naming.name(look.kind, key, score.name),
        formula=score.formula + (f", mean of {splits} splits" if splits > 1 else ""),
        better=score.better,
        value=value,
        error=math.hypot(*(score.error(*part) for part in parts)) / len(parts),
        real=None if unseen is None else _value(score, _parts(score, unseen, beside, splits)),
        images=sum(len(part.features) for part, _ in parts),
        at_a_time=None if size is None else min(size, len(seen.features)),
        bias=None if size is not None else _value(score, _halves(parts)) - value,
        share=key in _SHARES,
    )


Parts = Sequence[tuple[Seen, Any]]
"""Images that are measured at a time, and what they are compared with."""


def _parts(score: Score, seen: Seen, beside: Beside, splits: int) -> Parts:
    """Return what the value is the mean of.

    A score that looks at a thousand images at a time is measured of several thousands, each beside other real images:
    so it means the same however many images there are, and all of them count.
    """
    count, size = len(seen.features), score.most_images
    if size is None:
        reference = None if score.reference is None else score.reference(beside(None, 0.0))
        return [(_part(seen, places[0], places[-1] + 1), reference) for places in np.array_split(range(count), splits)]
    assert score.reference is not None
    parts = min(MOST_PARTS, max(1, count // size))
    return [
        (_part(seen, part * size, part * size + size), score.reference(beside(size, part / parts)))
        for part in range(parts)
    ]


def _halves(parts: Parts) -> Parts:
    """Return the two halves of each part. A bias that falls with the number of images is twice as large in them."""
    return [
        (_part(seen, *half), reference)
        for seen, reference in parts
        for middle in [len(seen.features) // 2]
        for half in ((0, middle), (middle, len(seen.features)))
    ]


def _value(score: Score, parts: Parts) -> float:
    return sum(score.measure(*part) for part in parts) / len(parts)


def _part(seen: Seen, begin: int, end: int) -> Seen:
    probabilities = None if seen.probabilities is None else seen.probabilities[begin:end]
    return Seen(seen.features[begin:end], probabilities)


def _of_images(known: Seen) -> Beside:
    return lambda size, offset: _moments(known) if size is None else _spread(known, size, offset)


def _moments(known: Seen) -> Reals:
    moments = Moments.of(known.features)
    return {"mean": moments.mean, "covariance": moments.covariance}


def _spread(known: Seen, most: int, offset: float) -> Reals:
    """Return some of the real images, evenly spread, from a place within the first of those distances on."""
    count = len(known.features)
    chosen = (np.arange(min(most, count)) + offset) * max(1.0, count / most)
    return {"kernel_features": known.features[chosen.astype(int)]}

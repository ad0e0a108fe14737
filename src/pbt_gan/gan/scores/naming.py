"""What a score is called that a network measured: by its key in records, in tables, and in full.

A formula in the features of our own networks is one thing, in those of a published network another: they never share
a name.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

NetworkKind = Literal["own", "imagenet", "inception"]
"""Our own networks, whatever taught them; the ImageNet network; Inception v3."""

Role = Literal["select", "held-out"]
"""What a run ranks by; what judges and never selects."""

PREFIXES: Mapping[Role, str] = {"select": "", "held-out": "held_out_"}
"""Of the keys of all metrics that a role measures."""

_SPOKEN: Mapping[Role, str] = {"select": "", "held-out": "held-out "}


class _Called(NamedTuple):
    key: str
    short: str
    name: str


# Where the literature, or this package, has a name that is more than the network's and the score's own.
_CALLED: Mapping[NetworkKind, Mapping[str, _Called]] = {
    "own": {},
    "imagenet": {
        "cs": _Called("imagenet_cs", "ICS", "ImageNet classifier score"),
        "fcd": _Called("imagenet_fd", "IFD", "ImageNet Fréchet distance"),
        "kcd": _Called("imagenet_kd", "IKD", "ImageNet kernel distance"),
    },
    "inception": {
        "cs": _Called("is", "IS", "inception score"),
        "fcd": _Called("fid", "FID", "Fréchet inception distance"),
        "kcd": _Called("kid", "KID", "kernel inception distance"),
    },
}

_NETWORKS: Mapping[NetworkKind, str] = {"own": "", "imagenet": "ImageNet ", "inception": "Inception "}


def key(network: NetworkKind, score: str, role: Role = "select") -> str:
    """Return the key of a metric: what records, cards and JSON call it.

    Args:
        network: what looked at the images.
        score: a key of `SCORES`.
        role: what the metric is for; without one, as for selection.

    Examples:
        >>> key("own", "cs"), key("imagenet", "kcd", "held-out"), key("inception", "precision")
        ('cs', 'held_out_imagenet_kd', 'inception_precision')
    """
    called = _CALLED[network].get(score)
    own = score if network == "own" else f"{network}_{score}"
    return PREFIXES[role] + (called.key if called else own)


def short(network: NetworkKind, score: str, role: Role = "select") -> str:
    """Return what tables and headings call a metric.

    Examples:
        >>> short("own", "fcd"), short("inception", "fcd", "held-out"), short("imagenet", "recall")
        ('FCD', 'held-out FID', 'ImageNet RECALL')
    """
    called = _CALLED[network].get(score)
    return _SPOKEN[role] + (called.short if called else f"{_NETWORKS[network]}{score.upper()}")


def name(network: NetworkKind, score: str, words: str) -> str:
    """Return what a metric is called in full.

    Args:
        network: what looked at the images.
        score: a key of `SCORES`.
        words: what the table calls that score, `Score.name`.

    Examples:
        >>> name("own", "cs", "classifier score"), name("imagenet", "kcd", "kernel classifier distance")
        ('classifier score (CS)', 'ImageNet kernel distance (IKD)')
        >>> name("inception", "recall", "recall")
        'Inception recall (RECALL)'
    """
    called = _CALLED[network].get(score)
    return f"{called.name} ({called.short})" if called else f"{_NETWORKS[network]}{words} ({score.upper()})"

"""The architectures. A new one is a file of its own and a line here."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pbt_gan import references
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.sizes import halvings
from pbt_gan.validation import unknown

if TYPE_CHECKING:
    from pbt_gan.gan.nets.layers import Layers
    from pbt_gan.gan.nets.net import ImageShape, Pair


def any_size(size: int) -> None:
    """Take images of every size."""


class Architecture(NamedTuple):
    """How two nets are made."""

    # Names a function of `ImageShape`, `NetSettings` and `Layers` that returns a `Pair`. It is imported when members
    # are trained and not before, since torch comes with it.
    make: str
    check_size: Callable[[int], object] = any_size  # raises DataError if there are no such nets for a size in pixels
    # Names a function that writes its generator down as a `Sequential`, for programs without this package.
    sequential: str | None = None


NETS: Mapping[str, Architecture] = {
    "dcgan": Architecture("pbt_gan.gan.nets.dcgan:make_nets", halvings, "pbt_gan.gan.nets.sequential:dcgan")
}


def find_architecture(name: str) -> Architecture:
    """Return an architecture of the table, or one whose `make` is named by a reference such as `my_nets.py:make`.

    Raises:
        ConfigError: there is none of that name.
    """
    if references.is_reference(name):
        return Architecture(name)
    if name not in NETS:
        raise unknown("task.net", name, NETS)
    return NETS[name]


def make_nets(settings: NetSettings, shape: "ImageShape", layers: "Layers") -> "Pair":
    """Return the two nets of resolved settings."""
    pair: Pair = references.load(find_architecture(settings.net).make)(shape, settings, layers)
    return pair

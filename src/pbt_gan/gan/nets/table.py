"""The architectures. A new one is a file of its own and a line here."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pbt_gan import references
from pbt_gan.gan.nets.settings import DiscriminatorNorm, NetSettings
from pbt_gan.gan.nets.sizes import doublings, halvings
from pbt_gan.validation import unknown

if TYPE_CHECKING:
    from pbt_gan.gan.nets.layers import Layers
    from pbt_gan.gan.nets.net import ImageShape, Pair


ALL = ("kernel", "full_size_layer", "bias_before_norm", "init")
"""The settings that only some nets read."""


NORMS: tuple[DiscriminatorNorm, ...] = ("batch", "none", "spectral")
"""What a discriminator may have of which nothing else is known."""


def any_size(size: int) -> None:
    """Take images of every size."""


class Architecture(NamedTuple):
    """How two nets are made, and what is known of them before there are any."""

    # Names a function of `ImageShape`, resolved `NetSettings` and `Layers` that returns a `Pair`. It is imported when
    # members are trained and not before, since torch comes with it.
    make: str
    check_size: Callable[[int], object] = any_size  # raises DataError if there are no such nets for a size in pixels
    # The settings that follow from a size where they are not set.
    defaults: Callable[[int], Mapping[str, int]] = lambda size: {}
    # What the discriminator may have; the first is what it was published with.
    norms: tuple[DiscriminatorNorm, ...] = NORMS
    reads: tuple[str, ...] = ALL  # of the settings in ALL
    lessons: tuple[str, ...] = ()  # the scalars that weigh what its discriminator learns besides; see `Net.lessons`
    # Pixels along a side up to which convolutions on a CPU are products with patches: its own are slower there, unless
    # there are many channels or groups.
    patches_up_to: int = 28
    # Names a function that writes its generator down as a `Sequential`, or gives None where it cannot, for programs
    # without this package.
    sequential: str | None = None


def _dcgan(size: int) -> Mapping[str, int]:
    if size == 8:
        return {"width": 16, "kernel": 3, "full_size_layer": True}
    return {"width": 64 if size == 32 else 32, "kernel": 4, "full_size_layer": False}


def _sngan_cnn(size: int) -> Mapping[str, int]:
    # 64 at 32×32, as published. Wider layers next to more pixels would take days on few cores.
    return {"width": 2 * size if size <= 32 else 1_536 // size // 4 * 4}


def _resnet(size: int) -> Mapping[str, int]:
    # 128 at 32×32, as published, for a GPU. Elsewhere what few cores can train.
    return {"width": 128 if size == 32 else 2 * size if size < 32 else 1_024 // size // 4 * 4}


def _fastgan(size: int) -> Mapping[str, int]:
    return {"width": 4 if size < 28 else 6 if size < 64 else 8}  # 256: 64, as published


def _r3gan(size: int) -> Mapping[str, int]:
    return {"width": 24 if size <= 32 else 16}  # 32: 768, as published


NETS: Mapping[str, Architecture] = {
    "dcgan": Architecture(
        "pbt_gan.gan.nets.dcgan:make_nets",
        halvings,
        _dcgan,
        patches_up_to=32,
        sequential="pbt_gan.gan.nets.sequential:dcgan",
    ),
    "sngan-cnn": Architecture(
        "pbt_gan.gan.nets.sngan_cnn:make_nets",
        halvings,
        _sngan_cnn,
        norms=("spectral", "none"),
        reads=("bias_before_norm",),
        patches_up_to=16,
        sequential="pbt_gan.gan.nets.sequential:dcgan",
    ),
    "resnet": Architecture(
        "pbt_gan.gan.nets.resnet:make_nets",
        halvings,
        _resnet,
        norms=("spectral", "none"),
        reads=("bias_before_norm",),
        patches_up_to=0,
    ),
    "fastgan": Architecture(
        "pbt_gan.gan.nets.fastgan:make_nets",
        doublings,
        _fastgan,
        norms=("batch",),
        reads=(),
        lessons=("reconstruction_weight",),
        patches_up_to=0,
    ),
    "r3gan": Architecture(
        "pbt_gan.gan.nets.r3gan:make_nets",
        doublings,
        _r3gan,
        norms=("none",),
        reads=(),
        patches_up_to=0,
    ),
}


def find_architecture(name: str) -> Architecture:
    """Return an architecture of the table, or one whose `make` is named by a reference such as `my_nets.py:make`.

    Raises:
        ConfigError: there is none of that name.
    """
    if references.is_reference(name):
        return Architecture(name, defaults=_dcgan)  # nobody knows what it reads
    if name not in NETS:
        raise unknown("task.net", name, NETS)
    return NETS[name]


def architecture_of(settings: NetSettings) -> Architecture:
    """Return what is known of the nets of settings before there are any; of modules of a person's own that is nothing.

    Raises:
        ConfigError: there is no such architecture.
    """
    known = find_architecture(settings.net)
    if settings.generator and settings.discriminator:
        return Architecture(known.make, reads=())
    if settings.generator:
        return known._replace(sequential=None)
    return known._replace(norms=NORMS, lessons=()) if settings.discriminator else known


def stacked_on_cpu(settings: NetSettings, size: int) -> bool:
    """Whether members of these nets train side by side on a CPU, for images of size × size pixels.

    Others are trained one after another there: their bits depend on how many are in a group; see `Net.exact`.
    """
    return size <= find_architecture(settings.net).patches_up_to and not (settings.generator or settings.discriminator)


def make_nets(settings: NetSettings, shape: "ImageShape", layers: "Layers") -> "Pair":
    """Return the two nets of resolved settings.

    Raises:
        ConfigError: a module of a person's own is none that can be trained.
    """
    pair: Pair | None = None
    if settings.generator is None or settings.discriminator is None:
        pair = references.load(find_architecture(settings.net).make)(shape, settings, layers)
    if pair is not None and settings.generator is None and settings.discriminator is None:
        return pair
    from pbt_gan.gan.nets.own import with_own

    return with_own(settings, shape, pair)

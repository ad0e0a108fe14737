"""What can be set about the nets."""

from typing import Literal

from pydantic import Field

from pbt_gan.references import is_reference
from pbt_gan.validation import Settings

Init = Literal["normal", "uniform"]

DiscriminatorNorm = Literal["batch", "none", "spectral"]
"""What keeps a discriminator in bounds: statistics of the batch; nothing; weights divided by their singular values."""


class NetSettings(Settings):
    """The settings of the architectures in `pbt_gan.gan.nets.table`; see there which of them each one reads."""

    net: str = "dcgan"  # a name in NETS, or a reference such as `my_nets.py:make`
    # Own modules: references such as `my_nets.py:Generator`, in the place of one net or of both; see `nets.own`.
    generator: str | None = None
    discriminator: str | None = None
    width: int | None = Field(None, ge=1, le=1_024)  # None: by the size of the images
    z_size: int = Field(64, ge=1, le=4_096)  # latent numbers an image, normally distributed
    kernel: int | None = Field(None, ge=3, le=7)  # pixels along a side of each convolution's kernel; None: by size
    full_size_layer: bool | None = None  # a convolution more, at the size of the images; None: by their size
    discriminator_norm: DiscriminatorNorm | None = None  # None: what the net was published with
    bias_before_norm: bool = False  # batch norm takes it out again; kept by the seed project's net
    init: Init = "normal"  # N(0, 0.02), or uniform with a spread from fan-in and fan-out

    @property
    def own(self) -> tuple[str, ...]:
        """The references to a person's own code, without which there are no such nets."""
        return tuple(name for name in (self.generator, self.discriminator, self.net) if name and is_reference(name))

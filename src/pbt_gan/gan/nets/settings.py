"""What can be set about the nets."""

from typing import Literal, Self

from pydantic import Field

from pbt_gan.gan.nets.sizes import DEFAULTS, OTHERWISE
from pbt_gan.validation import Settings

Init = Literal["normal", "uniform"]


class NetSettings(Settings):
    """The settings of the architectures in `pbt_gan.gan.nets.table`.

    Those of `dcgan` are strided convolutions, `width` channels next to the image and twice as many with each halving.
    """

    net: str = "dcgan"  # a name in NETS, or a reference such as `my_nets.py:make`
    width: int | None = Field(None, ge=1, le=1_024)  # None: by the size of the images
    z_size: int = Field(64, ge=1, le=4_096)  # latent numbers an image, normally distributed
    kernel: int | None = Field(None, ge=3, le=7)  # pixels along a side of each convolution's kernel; None: by size
    full_size_layer: bool | None = None  # a convolution more, at the size of the images; None: by their size
    discriminator_norm: Literal["batch", "none"] = "batch"
    bias_before_norm: bool = False  # batch norm takes it out again; kept by the seed project's net
    init: Init = "normal"  # N(0, 0.02), or uniform with a spread from fan-in and fan-out

    def resolved(self, size: int) -> Self:
        """Return the settings with everything filled in that depends on the images' size in pixels."""
        defaults = DEFAULTS.get(size, OTHERWISE)._asdict()
        return self.model_copy(update={name: value for name, value in defaults.items() if getattr(self, name) is None})

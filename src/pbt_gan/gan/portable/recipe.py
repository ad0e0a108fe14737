"""What a net is made from again, beside its weights."""

from collections.abc import Mapping
from typing import Any, Literal, Self

import torch
from pydantic import Field
from torch import Tensor

from pbt_gan.errors import DamageError, DataError
from pbt_gan.gan.data.classes import UNLABELLED, Classes
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.nets.net import ImageShape, Net, Pair
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.table import find_architecture, make_nets
from pbt_gan.gan.settings import DType, GanSettings
from pbt_gan.gan.training.stacking import State
from pbt_gan.gan.training.step import named, weights
from pbt_gan.validation import Settings

LARGEST = 1_024
"""Pixels along a side of the largest images that are looked for."""

Named = Mapping[str, Tensor]


class Recipe(Settings):
    """The settings of two nets, the images that they are for, and how the generator makes samples."""

    net: NetSettings  # resolved
    resolution: int = Field(ge=1, le=LARGEST)  # height and width of the images in pixels
    channels: Literal[1, 3]
    sampling_norm: Literal["running", "batch"]
    dtype: DType = "float32"  # of the operands of products while it trained
    classes: Classes = UNLABELLED  # that can be asked for; none: the nets know of none

    @classmethod
    def of(cls, settings: GanSettings, shape: ImageShape, classes: Classes = UNLABELLED) -> Self:
        """Return that of the task's nets for images of a shape, and of classes if they are conditional."""
        own = {
            "net": settings.resolved(shape.size).model_dump(include=set(NetSettings.model_fields)),
            "resolution": shape.size,
            "channels": shape.channels,
            "sampling_norm": settings.sampling_norm,
            "dtype": settings.dtype,
            "classes": classes,
        }
        return cls.model_validate(own)

    def of_generator(self) -> Self:
        """Return that of the generator alone: a discriminator of a person's own is not asked for then."""
        return self.model_copy(update={"net": self.net.model_copy(update={"discriminator": None})})

    def nets(self, layers: Layers) -> Pair:
        """Make both nets, which hold no weights."""
        return make_nets(self.net, ImageShape(self.resolution, self.channels, len(self.classes)), layers)

    def plain_nets(self) -> Pair:
        """Make both nets of torch's own operations, for weights in float32."""
        return self.nets(MembersInChannels(torch.float32))


def shape_of(settings: GanSettings, state: State, classes: int = 0) -> ImageShape | None:
    """Return the shape of the images of so many classes for which the nets have as many parameters as a member's.

    None: there is not exactly one, or the nets are a person's own, of which it is not known what they can be made for.
    """
    if settings.own:
        return None
    wanted = len(state["g"]["params"]), len(state["d"]["params"])
    found = []
    for size in range(1, LARGEST + 1):
        try:
            find_architecture(settings.net).check_size(size)
        except DataError:
            continue
        for channels in (1, 3):
            shape = ImageShape(size, channels, classes)
            nets = make_nets(settings.resolved(size), shape, MembersInChannels(torch.float32))
            if tuple(net.layout.size for net in nets) == wanted:
                found.append(shape)
    return found[0] if len(found) == 1 else None


def of_member(net: Net, own: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return copies of one member's parameters and buffers by name; `own`: `params` [N] and maybe `statistics` [S]."""
    group = named(net, {name: tensor[None] for name, tensor in weights(dict(own)).items()})
    params, buffers = ({name: tensor[0].clone() for name, tensor in part.items()} for part in group)
    return params, buffers


def check_fit(net: Net, params: Mapping[str, Any], buffers: Mapping[str, Any], whose: str) -> None:
    """Hold named tensors to what a net needs.

    Raises:
        DamageError: one is missing, too many, or of another shape.
    """
    for layout, given in ((net.layout, params), (net.buffers, buffers)):
        for name in sorted({*layout.shapes, *given}):
            needed, there = layout.shapes.get(name), tuple(given[name].shape) if name in given else None
            if needed is None or tuple(needed) != there:
                raise DamageError(
                    f"{whose} has {there or 'nothing'} as {name}, but its net needs {needed or 'nothing'}: "
                    "the file is damaged, or was not written by pbt-gan. Export the generator again."
                )

"""One member's net as an ordinary module of torch."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from pbt_gan.errors import ConfigError
from pbt_gan.gan.nets.layers import Layers
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.nets.net import Net
from pbt_gan.gan.portable.recipe import Recipe


class NetModule(nn.Module):
    """A net that holds its own weights, by the names that they have in it.

    Nothing of it is stacked and nothing but torch's own operations is computed, in the dtype of the weights: so it can
    be moved, cast, copied, saved, traced, and trained on by gradient. In training mode buffers are made of each batch
    and kept as in the run.

    Args:
        recipe: makes the nets.
        params: of this one, by name.
        buffers: likewise.
    """

    side: ClassVar[Literal["generator", "discriminator"]]

    def __init__(self, recipe: Recipe, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.recipe = recipe
        for name, tensor in params.items():
            owner, own = self._place(name)
            owner._parameters[own] = nn.Parameter(tensor)
        for name, tensor in buffers.items():
            owner, own = self._place(name)
            owner._buffers[own] = tensor
        self.eval()

    @property
    def resolution(self) -> int:
        """Height and width of the images in pixels."""
        return self.recipe.resolution

    @property
    def channels(self) -> int:
        """1: grey; 3: colour."""
        return self.recipe.channels

    @property
    def num_classes(self) -> int:
        """How many classes can be asked for; 0: the net knows of none."""
        return len(self.recipe.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """What they are called, by number."""
        return tuple(map(self.recipe.classes.name, range(self.num_classes)))

    def _place(self, name: str) -> tuple[nn.Module, str]:
        """Return the module of a dotted name, made if it is missing, and the last part of the name."""
        # Not by `add_module` and the like: a layer of a person's own net may be called `sample`, as a method is here.
        *path, own = name.split(".")
        owner: nn.Module = self
        for part in path:
            inner = owner._modules.setdefault(part, nn.Module())
            assert inner is not None
            owner = inner
        return owner, own

    def _net(self, layers: Layers) -> Net:
        net: Net = getattr(self.recipe.nets(layers), self.side)
        return net

    def _weight(self) -> Tensor:
        """One of the weights, which all have the same dtype and device."""
        return next(self.parameters())

    def _computed(self, x: Tensor, labels: Tensor | None, *, training: bool) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return what the net makes of a batch, and the buffers of it, each [1, …]."""
        dtype = self._weight().dtype
        net = self._net(MembersInChannels(dtype))
        params, buffers = (
            {name: tensor.unsqueeze(0) for name, tensor in of} for of in (self.named_parameters(), self.named_buffers())
        )
        shown = None if labels is None else self._one_hot(labels, x.shape[0]).unsqueeze(0)
        y, latest = net(params, buffers, x.to(dtype).unsqueeze(0), shown, training=training)
        return y.squeeze(0), latest

    def _keep(self, latest: Mapping[str, Tensor]) -> None:
        """Let the buffers of a batch count in those that are kept, in training mode, as a step does."""
        if self.training:
            net = self._net(MembersInChannels(self._weight().dtype))
            for name, buffer in self.named_buffers():
                buffer.lerp_(latest[name].detach().squeeze(0).to(buffer), net.share(name))

    def _check(self, labels: object) -> None:
        """Refuse labels where none are known."""
        if labels is not None and self.num_classes == 0:
            raise ConfigError(
                f"Labels were given, but this {self.side} was trained without classes (num_classes is 0). "
                "Leave them out."
            )

    def _check_given(self, labels: object) -> None:
        """Refuse labels where none are known, and that they are missing where they are."""
        self._check(labels)
        if labels is None and self.num_classes:
            raise ConfigError(
                f"This {self.side} was trained with {self.num_classes} classes: give labels, int64[N], each in "
                f"0 … {self.num_classes - 1}."
            )

    def _one_hot(self, labels: Tensor, count: int) -> Tensor:
        """Return labels [N] as [N, K] with a 1 at the place of each."""
        # Sizes by `shape`: `len` would fix the number of images of a program that is being exported.
        if labels.ndim != 1 or labels.shape[0] != count:
            raise ConfigError(
                f"Labels of the shape {list(labels.shape)} were given for {count} images: give [{count}]."
            )
        # A program that is being exported holds for any labels: there are no values to look at yet.
        if not torch.compiler.is_compiling():
            self.recipe.classes.check(labels.detach().cpu().numpy())
        numbers = torch.arange(self.num_classes, device=labels.device)
        return (labels.unsqueeze(1) == numbers).to(self._weight())

"""An ordinary module of torch as a net: called with tensors that are kept elsewhere, stacked where torch can."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal

import torch
from numpy.random import Generator as Random
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from pbt_gan.errors import one_line
from pbt_gan.gan.drawn import NOTHING, Drawn
from pbt_gan.gan.nets.layout import Layout
from pbt_gan.gan.nets.net import Buffers, Net, Params
from pbt_gan.randomness import seeded

log = logging.getLogger(__name__)

LABELS = "labels"
"""The argument by which a `forward` takes classes, int64[B]."""

Side = Literal["generator", "discriminator"]

Named = Mapping[str, Tensor]


class ModuleNet(Net):
    """A generator or a discriminator that is a module.

    Its buffers are those of the module, and parameters that want no gradient. `forward` changes them in place: it is
    handed copies, and what these have become is returned.

    Args:
        name: for what is logged.
        side: logits may be [B, 1] or [B, 1, 1, 1].
        make: constructs the module, with random weights from the global generators.
        example: what `forward` takes, for a few images: latents [B, Z], or images [B, C, H, W].
        conditional: whether it takes labels too.
    """

    def __init__(
        self, name: str, side: Side, make: Callable[[], nn.Module], example: Tensor, *, conditional: bool
    ) -> None:
        self.name = name
        self.module = make()
        self.examples = (example, torch.zeros(len(example), dtype=torch.int64)) if conditional else (example,)
        self._side = side
        self._make = make
        frozen = {name: part.detach() for name, part in self.module.named_parameters() if not part.requires_grad}
        buffers = {**frozen, **dict(self.module.named_buffers())}
        # What is not finite, a mask say, would be taken for divergence if it were part of a member's state.
        self._kept = {name: part for name, part in buffers.items() if part.isfinite().all()}
        self._fixed = {name: part for name, part in buffers.items() if name not in self._kept}
        self._shapes = {name: part.shape for name, part in self.params.items()}

    @property
    def params(self) -> Named:
        """The parameters of the module that was made first."""
        return {name: part.detach() for name, part in self.module.named_parameters() if part.requires_grad}

    @cached_property
    def layout(self) -> Layout:
        """The parameters, by the module's own names."""
        return _layout(self.params)

    @cached_property
    def buffers(self) -> Layout:
        """The buffers, likewise."""
        return _layout(self._kept)

    @property
    def exact(self) -> bool:
        """Never: the bits of torch's operations depend on what else they compute."""
        return False

    @property
    def mixes(self) -> bool:
        """Whether it has a batch norm."""
        return any(isinstance(part, _BatchNorm) for part in self.module.modules())

    def share(self, buffer: str) -> float:
        """Return 1: a batch norm has averaged its statistics already."""
        return 1.0

    def initial_params(self, rng: Random) -> Tensor:
        """Draw them as the module's constructor does."""
        with seeded(rng):
            made = dict(self._make().named_parameters())
        return self.layout.flat(
            {name: made[name].detach().float().reshape(s) for name, s in self.layout.shapes.items()}
        )

    def initial_buffers(self) -> Tensor:
        """Return those of one module for all members."""
        return torch.cat([torch.empty(0), *(part.float().flatten() for part in self._kept.values())])

    def __call__(
        self,
        params: Params,
        buffers: Buffers,
        x: Tensor,
        labels: Tensor | None = None,
        drawn: Drawn = NOTHING,
        *,
        training: bool,
    ) -> tuple[Tensor, Buffers]:
        """Call the module once for all members, or for one after another."""
        self.module.train(training)
        inputs = (x,) if labels is None else (x, labels.argmax(-1))
        if len(x) > 1 and not self.unstackable:
            y, latest = vmap(self._one)(params, buffers, *inputs)
        else:
            each = [self._one(_row(params, p), _row(buffers, p), *(part[p] for part in inputs)) for p in range(len(x))]
            y = torch.stack([made for made, _ in each])
            latest = {name: torch.stack([own[name] for _, own in each]) for name in buffers}
        return y, latest if training else buffers

    @cached_property
    def unstackable(self) -> str:
        """Why members cannot be computed together, which is logged; empty: they can."""
        mode = self.module.training
        params = {name: torch.stack([part, part]).requires_grad_() for name, part in self.params.items()}
        buffers = {name: torch.stack([part, part]) for name, part in self.buffers.views(self.initial_buffers()).items()}
        inputs = [torch.stack([part, part]) for part in self.examples]
        try:
            for training in (True, False):
                self.module.train(training)
                with torch.enable_grad():  # images may be what is being made
                    y, _ = vmap(self._one)(params, buffers, *inputs)
                    torch.autograd.grad(y.sum(), [*params.values()], allow_unused=True)
        except Exception as error:
            why = one_line(error)[:200]
            log.warning("%s cannot be stacked (%s); its members are computed one after another.", self.name, why)
            return why
        finally:
            self.module.train(mode)
        return ""

    def called(self, tensors: Named, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Named]:
        """Return what `forward` makes with these parameters and buffers, and what has become of them."""
        all_of = {**tensors, **{name: part.to(x.device, copy=True) for name, part in self._fixed.items()}}
        made: Tensor = functional_call(self.module, all_of, (x,), {} if labels is None else {LABELS: labels})
        return made, all_of

    def own(self) -> Named:
        """Return the parameters, and copies of the buffers, of the module that was made first."""
        return {**self.params, **{name: part.clone() for name, part in self._kept.items()}}

    def _one(self, params: Named, buffers: Named, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Named]:
        """Do it for one member."""
        own = {name: part.reshape(self._shapes[name]) for name, part in params.items()}
        kept = {name: _as(self._kept[name], part) for name, part in buffers.items()}
        made, latest = self.called({**own, **kept}, x, labels)
        shapes = self.buffers.shapes
        return (
            made.flatten() if self._side == "discriminator" else made,
            {name: latest[name].to(x.dtype).reshape(shapes[name]) for name in buffers},
        )


def _layout(parts: Named) -> Layout:
    return Layout({name: tuple(part.shape) or (1,) for name, part in parts.items()})


def _row(parts: Named, member: int) -> Named:
    return {name: part[member] for name, part in parts.items()}


def _as(like: Tensor, kept: Tensor) -> Tensor:
    """Return a copy of what is kept, in the shape that a buffer has, and whole numbers where it has those."""
    part = kept.reshape(like.shape).clone()
    return part if like.is_floating_point() else part.round().to(like.dtype)

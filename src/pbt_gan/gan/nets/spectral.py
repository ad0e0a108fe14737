"""Spectral norm: weights divided by their largest singular value.

Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from numpy.random import Generator as Random
from torch import Tensor

from pbt_gan.core.rng import stream
from pbt_gan.gan.drawn import NOTHING, Draw, Drawn
from pbt_gan.gan.nets.layout import Layout
from pbt_gan.gan.nets.net import Answers, Buffers, Net, Params
from pbt_gan.gan.shown import Shown

EPSILON = 1e-12
"""The least length by which a vector is divided."""


@dataclass(frozen=True)
class SpectralNorm(Net):
    """A net whose every `weight` is divided by its largest singular value, as one power iteration a batch estimates it.

    The left singular vectors are buffers, `u.NAME` [P, rows]: they take a step at each call in training and are kept
    as they are then. A call with several batches takes one step for all of them.
    """

    net: Net
    # By name, how many rows a weight has as a matrix, where it is not the length of its first axis.
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """The parameters of the net, before they are divided."""
        return self.net.layout

    @cached_property
    def vectors(self) -> Mapping[str, int]:
        """The length of each singular vector by the name of its weight."""
        shapes = self.layout.shapes
        return {name: self.rows.get(name, shapes[name][0]) for name in shapes if name.endswith("weight")}

    @cached_property
    def buffers(self) -> Layout:
        """The buffers of the net, then the vectors."""
        return Layout({**self.net.buffers.shapes, **{f"u.{name}": (rows,) for name, rows in self.vectors.items()}})

    @property
    def draws(self) -> Mapping[str, Draw]:
        """Those of the net."""
        return self.net.draws

    @property
    def lessons(self) -> Sequence[str]:
        """Those of the net."""
        return self.net.lessons

    @property
    def exact(self) -> bool:
        """As the net is."""
        return self.net.exact

    def share(self, buffer: str) -> float:
        """Return 1 for a vector: a mean of two directions is none."""
        return 1.0 if buffer.startswith("u.") else self.net.share(buffer)

    def initial_params(self, rng: Random) -> Tensor:
        """Draw those of the net."""
        return self.net.initial_params(rng)

    def initial_buffers(self) -> Tensor:
        """Return those of the net, and vectors of random directions, the same ones for all members."""
        rng = stream(0, "spectral norm")
        return torch.cat(
            [
                self.net.initial_buffers(),
                *(torch.from_numpy(rng.standard_normal(rows)).float() for rows in self.vectors.values()),
            ]
        )

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
        """Return what the net makes of it with weights that are divided."""
        divided, vectors = self._divided(params, buffers)
        y, latest = self.net(divided, self._own(buffers), x, labels, drawn, training=training)
        return y, {**latest, **vectors} if training else buffers

    def each(
        self, params: Params, buffers: Buffers, batches: Sequence[Shown], drawn: Drawn = NOTHING, *, training: bool
    ) -> Answers:
        """Return what the net says with weights that are divided."""
        divided, vectors = self._divided(params, buffers)
        said = self.net.each(divided, self._own(buffers), batches, drawn, training=training)
        return said._replace(buffers={**said.buffers, **vectors} if training else buffers)

    def _own(self, buffers: Buffers) -> Buffers:
        return {name: buffers[name] for name in self.net.buffers.shapes}

    def _divided(self, params: Params, buffers: Buffers) -> tuple[Params, Buffers]:
        """Return the parameters with weights divided, and the vectors after an iteration."""
        divided, vectors = dict(params), {}
        for name, rows in self.vectors.items():
            weight = params[name]
            matrix = weight.reshape(len(weight), rows, -1)
            fixed = matrix.detach()
            # Multiplied and summed: the bits of a matrix times a vector would depend on the number of members.
            right = _unit((fixed.mT * buffers[f"u.{name}"][:, None]).sum(2))
            left = _unit((fixed * right[:, None]).sum(2))
            # The vectors are constants to the gradient (section 3.1, eq. 12 and the appendix).
            value = ((matrix * right[:, None]).sum(2) * left).sum(1)
            divided[name] = weight / value.view(-1, *[1] * (weight.ndim - 1))
            vectors[f"u.{name}"] = left
        return divided, vectors


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.square().sum(1, keepdim=True).sqrt().clamp_min(EPSILON)

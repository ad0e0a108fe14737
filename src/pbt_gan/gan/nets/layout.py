"""All tensors of a net in one: a flat tensor, and the views of it that have names and shapes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Which part of a flat tensor is what.

    An update of the flat tensor is one operation whatever the number of layers, and a copy of it copies the net.
    """

    shapes: Mapping[str, Shape]  # in the order in which they lie

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Return the parts of a tensor [..., size] by name, each [..., *shape]."""
        # One split, not a slice each: the gradient of a slice is as long as the whole, and they would be added up.
        parts = flat.split_with_sizes([math.prod(shape) for shape in self.shapes.values()], -1)
        leading = flat.shape[:-1]
        return {
            name: part.view(*leading, *shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def flat(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Return named parts, each [..., *shape], as one tensor [..., size]."""
        return torch.cat([parts[name].flatten(-len(shape)) for name, shape in self.shapes.items()], -1)

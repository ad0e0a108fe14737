"""The least that one can write."""

from typing import Any

import torch
from torch import nn

from pbt_gan import Float, ModuleTask


class Small(ModuleTask):
    """The least that one can write."""

    space: Any = {"lr": Float(0.1, (0.0, 1.0))}
    bindings: Any = {"lr": "optimiser.lr"}

    def build(self, rng):
        net = nn.Linear(1, 1)
        return {"net": net, "optimiser": torch.optim.SGD(net.parameters())}

    def train(self, parts, steps, rng):
        parts["optimiser"].step()

    def evaluate(self, parts, rng):
        return {"score": parts["net"].weight.item()}

"""A module task with all that has a state: tied and normalised nets, two optimisers, a scheduler, a scaler."""

import random
from typing import Any

import numpy as np
import torch
from torch import nn

from pbt_gan import Float, ModuleTask, Range


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.normalised, self.dropped = nn.BatchNorm1d(6), nn.Dropout(0.5)
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, x):
        return self.second(self.dropped(torch.relu(self.normalised(self.first(x))))) / self.temperature


def set_rate(parts, value):
    """The scheduler starts from here, and the optimiser has it at the scheduler's place."""
    scheduler = parts["scheduler"]
    scheduler.base_lrs = [value for _ in scheduler.base_lrs]
    for group in parts["optimiser"].param_groups:
        group["lr"] = value * 0.9**scheduler.last_epoch


def rate(parts):
    return parts["scheduler"].base_lrs[1]


class Whole(ModuleTask):
    space = {
        "lr": Float(Range(1e-4, 1e-1), (1e-6, 1.0), "log"),
        "weight_decay": Float(0.1, (0.0, 1.0)),
        "beta": Float(Range(0.5, 0.9), (0.1, 0.99)),
        "dropout": Float(0.1, (0.0, 0.6)),
        "temperature": Float(Range(0.5, 2.0), (0.1, 10.0), "log"),
        "momentum": Float((0.0, 0.9), (0.0, 0.99)),
    }
    bindings = {
        "lr": (set_rate, rate),
        "weight_decay": "optimiser.1.weight_decay",
        "beta": "optimiser.betas.0",
        "dropout": "net.dropped.p",
        "temperature": "net.temperature",
        "momentum": "sgd.momentum",
    }

    def build(self, rng):
        net, small = Net(), nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 6))
        others = [net.second.bias, *net.normalised.parameters()]
        groups: list[dict[str, Any]] = [{"params": net.first.parameters()}, {"params": others}]
        optimiser = torch.optim.AdamW(groups, amsgrad=True)
        return {
            "net": net,
            "small": small,
            "optimiser": optimiser,
            "sgd": torch.optim.SGD(small.parameters(), lr=0.01),
            "scheduler": torch.optim.lr_scheduler.LambdaLR(optimiser, lambda epoch: 0.9**epoch),
            "scaler": torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=3),
        }

    def train(self, parts, steps, rng):
        for _ in range(steps):
            x = torch.randn(16, 6) + float(rng.normal()) + float(np.random.normal()) + random.random()
            loss = (parts["net"](x) - parts["small"](x)).square().mean() + parts["net"](x).square().mean()
            for name in ("optimiser", "sgd"):
                parts[name].zero_grad()
            parts["scaler"].scale(loss).backward()
            for name in ("optimiser", "sgd"):
                parts["scaler"].step(parts[name])
            parts["scaler"].update()
            parts["scheduler"].step()
        return {"loss": loss, "images": 16 * steps}

    def evaluate(self, parts, rng):
        x = torch.randn(64, 6)
        with torch.no_grad():
            return {"score": -parts["net"](x).square().mean(), "held_out": -parts["small"](x).abs().mean().item()}

    def preview(self, parts, rng):
        return np.full((2, 4, 4, 1), int(128 + 10 * parts["net"].first.weight.mean()), np.uint8)

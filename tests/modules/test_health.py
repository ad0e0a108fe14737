"""Module tasks whose weights become no numbers."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pbt_gan.core.rng import stream
from pbt_gan.interfaces import Health
from pbt_gan.modules.health import guarded
from tests.modules.small import Small


class Blowing(Small):
    """Its weights double with each step, or become infinite at once."""

    steps = 0

    def train(self, parts: Any, steps: int, rng: Any) -> Any:
        for _ in range(steps):
            self.steps += 1
            for parameter in parts["net"].parameters():
                parameter.grad = torch.full_like(parameter, 1e38)
            parts["optimiser"].step()
        return {"loss": 1.0}


def trained(lr: float, health: Health) -> tuple[Blowing, Any]:
    task = Blowing()
    problem = task.as_task()
    problem.guard(health)
    trainer: Any = problem.attach(Path(), "cpu")
    return task, trainer.train(trainer.init(stream(0, "init")), {"lr": lr}, 40, lambda block: stream(0, "train", block))


def test_training_ends_where_what_an_optimiser_moves_is_no_number_any_more() -> None:
    task, training = trained(1.0, Health(every_steps=8))
    assert training.diverged == "what optimiser moves is not finite after 8 of its steps in this order"
    assert task.steps == 8
    assert training.hyperparams == {"lr": 1.0}


def test_nothing_is_looked_at_between_looks_and_nothing_is_wrong_with_others() -> None:
    assert trained(1.0, Health(every_steps=50))[0].steps == 40
    task, training = trained(0.0, Health(every_steps=8))
    assert (task.steps, training.diverged, training.metrics) == (40, "", {"loss": 1.0})


def test_hooks_are_gone_afterwards_and_what_a_task_raises_is_its_own() -> None:
    net = nn.Linear(1, 1)
    optimiser = torch.optim.SGD(net.parameters(), lr=1.0)

    with pytest.raises(ArithmeticError), guarded({"optimiser": optimiser, "net": net}, Health(every_steps=1)):
        _fail()
    net.weight.grad = torch.full_like(net.weight, torch.nan)
    optimiser.step()
    assert net.weight.isnan().all()


def _fail() -> None:
    raise ArithmeticError

"""A task is told how long the run is, in every process, and anew when the run is made longer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import pbt_gan
from pbt_gan import Float, ModuleTask, Run
from pbt_gan.config.settings import Config
from pbt_gan.runs.launch import go_on, start
from pbt_gan.runs.project import Project
from pbt_gan.validation import validated

EXPECTING = f"{Path(__file__).with_name('expecting.py')}:Expecting"


def config(task: str, total_steps: int, executor: str = "serial") -> Config:
    pbt = {"population_size": 2, "total_steps": total_steps, "ready_interval": 5, "exploit": "none"}
    return validated(Config, {"task": task, "pbt": pbt, "executor": {"name": executor, "workers": 1}})


@pytest.mark.parametrize("executor", ["serial", pytest.param("processes", marks=pytest.mark.slow)])
def test_a_run_that_is_made_longer_tells_the_new_length_wherever_members_train(tmp_path, executor):
    start(Project(config(EXPECTING, 10, executor)), tmp_path)
    go_on(tmp_path, config(EXPECTING, 20, executor))
    told = {(row["interval"], row["told"]) for row in Run.open(tmp_path).table()}
    assert told == {(1, 10), (2, 10), (3, 20), (4, 20)}


def test_of_a_population_that_shrinks_the_length_is_that_of_the_last_one():
    shrinking: dict[str, Any] = {"population_size": 4, "population": "halving", "budget_steps": 120}
    run = pbt_gan.run(EXPECTING, **shrinking, ready_interval=5, quiet=True)
    length = run.config["pbt"]["total_steps"]
    assert 120 / 4 < length < 120
    assert {row["told"] for row in run.table()} == {length}


class Decaying(ModuleTask):
    """Its rate falls to 0 at the end of the run."""

    space = {"lr": Float(0.5, (0.0, 1.0))}
    bindings = {"lr": "scheduler.base_lrs.0"}

    def build(self, rng):
        net = nn.Linear(1, 1)
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / self.total_steps)
        return {"net": net, "optimiser": optimiser, "scheduler": scheduler}

    def train(self, parts, steps, rng):
        for _ in range(steps):
            parts["optimiser"].zero_grad()
            parts["net"](torch.ones(1, 1)).sum().backward()
            parts["optimiser"].step()
            parts["scheduler"].step()
        return {"rate": parts["scheduler"].get_last_lr()[0]}

    def evaluate(self, parts, rng):
        return {"score": 0.0}


def test_a_rate_that_falls_to_the_end_of_the_run_falls_to_the_new_end_when_it_is_made_longer(tmp_path):
    task = Decaying().as_task()
    start(Project(config("__main__:Decaying", 10), task), tmp_path)
    go_on(tmp_path, config("__main__:Decaying", 20), task=task)
    rates = [row["rate"] for row in Run.open(tmp_path).table() if row["member"] == 0]
    assert rates == pytest.approx([0.25, 0.0, 0.125, 0.0])


def test_parts_that_are_taken_out_know_the_length_of_their_own_run(tmp_path):
    task = Decaying().as_task()
    start(Project(config("__main__:Decaying", 10), task), tmp_path)
    task.expect(40)  # what another run has told it
    parts = replace(Run.open(tmp_path), task=task).parts("0")
    assert parts["scheduler"].lr_lambdas[0](5) == 0.5

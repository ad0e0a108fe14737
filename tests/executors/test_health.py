"""What is looked at after every order, and what becomes of a member that has diverged."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import Generator

from pbt_gan.core.population import Hyperparams, Order
from pbt_gan.core.records import Report
from pbt_gan.core.space import Domain, Float
from pbt_gan.executors.health import finite
from pbt_gan.executors.serial import SerialExecutor
from pbt_gan.interfaces import GroupTask, Streams, Training, Tree
from pbt_gan.testing.walk import answers

SOUND = 1.0


class Fragile(GroupTask):
    """A member whose value says what breaks in it."""

    def __init__(self) -> None:
        self.scored: list[float] = []

    @property
    def space(self) -> Mapping[str, Domain]:
        return {"value": Float(SOUND, (0.0, 9.0))}

    def init(self, rng: Generator) -> Tree:
        return {"weights": torch.zeros(3), "counts": np.zeros(2, int), "name": "m"}

    def train_group(
        self, states: Sequence[Tree], hyperparams: Sequence[Hyperparams], steps: int, streams: Sequence[Streams]
    ) -> Sequence[Training]:
        return [self._trained(state, float(values["value"])) for state, values in zip(states, hyperparams, strict=True)]

    def score_group(self, states: Sequence[Tree], rng: Generator) -> Sequence[Mapping[str, float]]:
        drawn = float(rng.normal())
        self.scored += [float(state["weights"][0]) for state in states]
        return [{"score": math.inf if state["weights"][0] == 5.0 else drawn, "extra": 1.0} for state in states]

    def _trained(self, state: Tree, value: float) -> Training:
        state["weights"][:] = value
        metrics, told = {"loss/d": 0.5, "speed": math.nan}, ""
        if value == 2.0:
            metrics["loss/d"] = math.inf
        if value == 3.0:
            state["weights"][1] = math.nan
        if value == 4.0:
            told = "seen on the way"
        return Training(state, {"value": value}, metrics, diverged=told)


def order(member: int, value: float) -> Order:
    return Order(member, 1, 1, {"value": value}, {}, f"m{member:02d}-i0001", 0, 0, 10)


def reports(values: Sequence[float], group: int) -> tuple[Fragile, list[Any]]:
    task = Fragile()
    executor = SerialExecutor(task, seed=0, group=group)
    return task, answers(executor, [order(member, value) for member, value in enumerate(values)])


@pytest.mark.parametrize("group", [1, 4])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (2.0, "loss/d is inf after step 10"),
        (3.0, "weights are not finite after step 10"),
        (4.0, "seen on the way"),
        (5.0, "the score is inf"),
    ],
)
def test_who_has_diverged_says_why_and_is_not_scored(value: float, told: str, group: int) -> None:
    task, found = reports([SOUND, value, SOUND], group)
    assert [each.diverged for each in found] == ["", told, ""]
    assert not math.isfinite(found[1].score)
    assert found[1].metrics["loss/d"] == (math.inf if value == 2.0 else 0.5)
    assert task.scored == ([SOUND, 5.0, SOUND] if value == 5.0 else [SOUND, SOUND])
    assert all(isinstance(each, Report) and each.hyperparams for each in found)
    alone = reports([SOUND, SOUND, SOUND], group)[1]
    assert (found[0].score, found[2].score) == (alone[0].score, alone[2].score)


def test_only_floating_point_numbers_can_be_not_finite() -> None:
    assert finite({"a": [torch.ones(2), (np.arange(3), "x", None, 2.0)], "b": torch.arange(3), "c": np.array(["s"])})
    assert not finite([{"a": torch.tensor([1.0, math.inf])}])
    assert not finite({"a": np.array([np.nan], np.float32)})
    assert not finite({"a": torch.tensor([math.nan], dtype=torch.bfloat16)})

"""A group is worth its while on a GPU because its members share every launch."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings
from tests.gan.training.on_meta import ready
from tests.gan.training.parts import PARTS, TINY


class Counting(TorchDispatchMode):
    """Counts the operations that are asked for; on a GPU each is a launch, unless it only looks at a tensor anew."""

    def __init__(self):
        super().__init__()
        self.counts: Counter[Any] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[func] += 1
        return func(*args, **(kwargs or {}))


def operations(settings, members, size):
    step, *given = ready(settings, size, 3, [1] * members)
    with Counting() as counting:
        step(*given)
    return counting.counts


def changing(settings, size):
    """Return the operations of which more members need more."""
    few, many = (operations(settings, members, size) for members in (2, 5))
    return {func for func in few | many if few[func] != many[func]}


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_more_members_launch_no_more_operations(part):
    settings = GanSettings.model_validate({**TINY, "dtype": "float32", **PARTS[part]})
    assert not changing(settings, 8)


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
def test_nor_do_they_with_any_net(net):
    settings = GanSettings.model_validate({"net": net, "width": 4, "z_size": 4, "batch_size": 4, "conditional": True})
    operations(settings, 1, 16)  # what a net makes once and keeps is made
    assert not changing(settings, 16)


def test_operations_are_counted():
    with Counting() as counting:
        torch.ones(3) + 1
    assert counting.counts[torch.ops.aten.add.Tensor] == 1

"""All of a step happens on its device: on `meta`, where nothing is computed, shapes and places can be followed."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings
from pbt_gan.gan.training.stacking import leaves
from tests.gan.training.on_meta import ready
from tests.gan.training.parts import PARTS, TINY

COUNTS = (3, 1)


class OnMeta(TorchDispatchMode):
    """Lets no operation see or make a tensor that lies elsewhere."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, kwargs, made)):
            assert not isinstance(tensor, torch.Tensor) or tensor.device.type == "meta", f"{func} on {tensor.device}"
        return made


def test_a_tensor_elsewhere_is_seen():
    with pytest.raises(AssertionError, match="on cpu"), OnMeta():
        torch.ones(3) + 1


def check(settings, size):
    step, state, *given = ready(settings, size, 3, COUNTS)
    before = [(leaf.shape, leaf.dtype) for leaf in leaves(state)]
    with OnMeta():
        losses, _ = step(state, *given)
    assert {loss.shape for loss in losses.values()} == {(len(COUNTS),)}
    assert [(leaf.shape, leaf.dtype) for leaf in leaves(state)] == before


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_no_tensor_of_a_step_lies_elsewhere_and_states_keep_their_shapes(part):
    check(GanSettings.model_validate({**TINY, "dtype": "float32", **PARTS[part]}), 8)


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
def test_nor_does_one_with_any_net(net):
    settings = GanSettings.model_validate({"net": net, "width": 4, "z_size": 4, "batch_size": 4, "conditional": True})
    step, *given = ready(settings, 16, 3, [1])
    step(*given)  # what a net makes once and keeps is made
    check(settings, 16)

"""All of a step happens on its device: on `meta`, where nothing is computed, shapes and places can be followed."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.settings import GanSettings, Scalars
from pbt_gan.gan.training.draws import Destination, Needs, draw
from pbt_gan.gan.training.loop import make_step
from pbt_gan.gan.training.stacking import leaves, stacked
from tests.gan.training.parts import PARTS, TINY
from tests.gan.training.ways import CLASSES

META = Destination(torch.float32, "meta", "meta")
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


class Counting(TorchDispatchMode):
    """Counts the operations that are asked for; on a GPU each is a launch, unless it only looks at a tensor anew."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def ready(settings, size, channels, counts):
    """Return a step on `meta` with a group's state and what the step takes; each count is a member's n_critic."""
    step = make_step(settings, size, channels, "meta", classes=CLASSES if settings.conditional else 0)
    images = ImagesInMemory(np.zeros((10, size, size, channels), np.uint8), "meta", torch.float32)
    g, d = (net.initial_params(stream(0)).to("meta") for net in (step.generator, step.discriminator))
    state = stacked([step.initial_state(g.clone(), d.clone(), average=True) for _ in counts])
    hyper = {scalar: torch.empty(len(counts), 1, dtype=torch.float64, device="meta") for scalar in Scalars.model_fields}
    needs = Needs(
        len(images),
        settings.batch_size,
        settings.z_size,
        step.game,
        (channels, size, size),
        step.generator.draws,
        step.discriminator.draws,
    )
    draws = draw(needs, 2, counts, [stream(0, member) for member in range(len(counts))], META)

    def batch_of(numbers):
        batch = {name: each[0] for name, each in numbers.items()}
        if "indices" in batch:
            batch["real"] = images.take(batch.pop("indices"))
        if settings.conditional:
            labels = torch.empty(*batch["z"].shape[:2], CLASSES, device="meta")
            batch |= {"real_labels": labels, "fake_labels": labels}
        return batch

    return step, state, hyper, [batch_of(each) for each in draws.critic], batch_of(draws.generator)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "channels"), [(8, 1), (32, 3)])
@pytest.mark.parametrize("part", PARTS)
def test_no_tensor_of_a_step_lies_elsewhere_and_states_keep_their_shapes(part, size, channels):
    settings = GanSettings.model_validate({**TINY, "dtype": "float32", **PARTS[part]})
    step, state, *given = ready(settings, size, channels, COUNTS)
    before = [(leaf.shape, leaf.dtype) for leaf in leaves(state)]
    with OnMeta():
        losses, _ = step(state, *given)
    assert {loss.shape for loss in losses.values()} == {(len(COUNTS),)}
    assert [(leaf.shape, leaf.dtype) for leaf in leaves(state)] == before


def operations(settings, members, size=32):
    step, *given = ready(settings, size, 3, [1] * members)
    with Counting() as counting:
        step(*given)
    return counting.count


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_step_of_five_members_launches_as_many_operations_as_a_step_of_one(part):
    settings = GanSettings.model_validate({**TINY, "dtype": "float32", **PARTS[part]})
    assert operations(settings, 5) == operations(settings, 1) > 100


@pytest.mark.slow
@pytest.mark.parametrize(("name", "norm"), [(name, norm) for name in NETS for norm in NETS[name].norms])
@pytest.mark.parametrize("conditional", [False, True], ids=["unconditional", "conditional"])
def test_so_it_does_with_every_net(name, norm, conditional):
    arguments = {"net": name, "discriminator_norm": norm, "conditional": conditional}
    settings = GanSettings.model_validate({"width": 4, "z_size": 4, "batch_size": 4, **arguments})
    assert operations(settings, 5) == operations(settings, 1) > 100

"""All of a step happens on its device: on `meta`, where nothing is computed, shapes and places can be followed."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pbt_gan.core.rng import stream
from pbt_gan.gan.data.source import ImagesInMemory
from pbt_gan.gan.games.table import GAMES
from pbt_gan.gan.settings import GanSettings, Scalars
from pbt_gan.gan.training.draws import Destination, Needs, draw
from pbt_gan.gan.training.loop import make_step
from pbt_gan.gan.training.stacking import leaves, stacked

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


@pytest.mark.slow
@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (32, 3)])
@pytest.mark.parametrize("name", GAMES)
def test_no_tensor_of_a_step_lies_elsewhere_and_states_keep_their_shapes(name, size, channels):
    small = {"width": 2, "z_size": 4, "batch_size": 4, "discriminator_norm": "none"}
    settings = GanSettings.model_validate({"loss": name, **small})
    step = make_step(settings, size, channels, "meta")
    images = ImagesInMemory(np.zeros((10, size, size, channels), np.uint8), "meta", torch.float32)
    g, d = (net.initial_params(stream(0)).to("meta") for net in (step.generator, step.discriminator))
    state = stacked([step.initial_state(g.clone(), d.clone(), average=True) for _ in COUNTS])
    before = [(leaf.shape, leaf.dtype) for leaf in leaves(state)]
    hyper = {scalar: torch.empty(len(COUNTS), 1, dtype=torch.float64, device="meta") for scalar in Scalars.model_fields}
    needs = Needs(len(images), settings.batch_size, settings.z_size, step.game)
    draws = draw(needs, 2, COUNTS, [stream(0, member) for member in range(len(COUNTS))], META)
    with OnMeta():
        critic = [
            {**{key: numbers[0] for key, numbers in each.items()}, "real": images.take(each["indices"][0])}
            for each in draws.critic
        ]
        losses, _ = step(state, hyper, critic, {key: numbers[0] for key, numbers in draws.generator.items()})
    assert {loss.shape for loss in losses.values()} == {(len(COUNTS),)}
    assert [(leaf.shape, leaf.dtype) for leaf in leaves(state)] == before

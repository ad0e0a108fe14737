"""A module as a net does what the module itself does."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pbt_gan import references
from pbt_gan.core.rng import stream
from pbt_gan.gan.nets.modules import ModuleNet
from pbt_gan.gan.nets.net import Buffers, ImageShape
from pbt_gan.gan.nets.own import own_net

FILE = Path(__file__).with_name("own_nets.py")
SHAPE, Z, BATCH = ImageShape(8, 1), 6, 5

SIDES: dict[str, Any] = {
    "Generator": "generator",
    "Discriminator": "discriminator",
    "Normed": "discriminator",
    "plain_discriminator": "discriminator",
    "Odd": "discriminator",
}


def net(name: str, shape: ImageShape = SHAPE) -> ModuleNet:
    return own_net(SIDES.get(name, "generator"), f"{FILE}:{name}", shape, Z, None)


def group(net: ModuleNet, members: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    params = torch.stack([net.initial_params(stream(0, member)) for member in range(members)])
    return net.layout.views(params), net.buffers.views(torch.stack([net.initial_buffers()] * members))


def inputs(net: ModuleNet, members: int) -> torch.Tensor:
    shape = (members, BATCH, *net.examples[0].shape[1:])
    return torch.from_numpy(np.random.default_rng(1).standard_normal(shape)).float()


def itself(net: ModuleNet, params, buffers, member: int) -> nn.Module:
    """Return a module of its own that has a member's weights."""
    with torch.random.fork_rng([]):
        module = net._make()
    module.load_state_dict({name: part[member] for name, part in {**params, **buffers}.items()}, strict=False)
    return module


@pytest.mark.parametrize("name", sorted(SIDES))
@pytest.mark.parametrize("members", [1, 3])
def test_each_member_s_output_and_buffers_are_those_of_a_module_of_its_own(name, members):
    own = net(name)
    params, buffers = group(own, members)
    x = inputs(own, members)
    kept = {key: part.clone() for key, part in buffers.items()}
    y, latest = own(params, buffers, x, training=True)
    shown, _ = own(params, latest, x, training=False)
    assert all(torch.equal(buffers[key], kept[key]) for key in kept), "they are changed in place"
    for member in range(members):
        module = itself(own, params, buffers, member)
        for mode, made in ((True, y), (False, shown)):
            expected = module.train(mode)(x[member])
            torch.testing.assert_close(made[member], expected.reshape(made[member].shape))
        for key, part in module.named_buffers():
            if key in latest:
                torch.testing.assert_close(latest[key][member], part.float().reshape(latest[key][member].shape))


def test_gradients_of_a_group_are_those_of_modules_of_their_own():
    for name in ("Generator", "Discriminator"):
        own = net(name)
        params, buffers = group(own, 2)
        leaves = {key: part.clone().requires_grad_() for key, part in params.items()}
        x = inputs(own, 2)
        y, _ = own(leaves, buffers, x, training=True)
        y.square().sum().backward()
        for member in range(2):
            module = itself(own, params, buffers, member)
            module(x[member]).square().sum().backward()
            for key, part in module.named_parameters():
                gradient = leaves[key].grad
                assert gradient is not None
                torch.testing.assert_close(gradient[member], part.grad)


def test_what_cannot_be_stacked_says_why_once(caplog):
    with caplog.at_level(logging.WARNING), torch.no_grad():
        assert net("Generator").unstackable == ""
        assert not caplog.messages
        own = ModuleNet(
            "mine", "discriminator", net("Discriminator")._make, net("Discriminator").examples[0], conditional=False
        )
        params, buffers = group(own, 2)
        for _ in range(2):
            own(params, buffers, inputs(own, 2), training=True)
    (line,) = caplog.messages
    assert line.startswith("mine cannot be stacked (RuntimeError: ")
    assert line.endswith("); its members are computed one after another.")


def test_labels_come_as_whole_numbers():
    own = net("Labelled", ImageShape(8, 1, 3))
    params, buffers = group(own, 2)
    z, labels = inputs(own, 2), torch.tensor([[0, 1, 2, 1, 0], [2, 2, 1, 0, 1]])
    made, _ = own(params, buffers, z, nn.functional.one_hot(labels, 3).float(), training=True)
    for member in range(2):
        module = itself(own, params, buffers, member)
        torch.testing.assert_close(made[member], module(z[member], labels[member]))


def test_only_what_is_trained_is_a_parameter_and_what_is_not_finite_is_no_state():
    own = net("Odd")
    assert set(own.layout.shapes) == {"head.weight", "head.bias"}
    assert own.buffers.shapes == {"scale": (1,), "calls": (1,)}
    params, buffers = group(own, 2)
    kept: Buffers = buffers
    for _ in range(3):
        _, kept = own(params, kept, inputs(own, 2), training=True)
    assert kept["calls"].flatten().tolist() == [3, 3]
    assert kept["scale"].flatten().tolist() == [2, 2]


def test_equal_generators_draw_equal_weights_and_leave_the_global_ones_alone():
    own = net("Generator")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (own.initial_params(stream(0, "init", seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    expected = references.load(f"{FILE}:Generator")(8, 1, Z)
    assert first.std() == pytest.approx(own.layout.flat(dict(expected.named_parameters())).std().item(), rel=0.2)

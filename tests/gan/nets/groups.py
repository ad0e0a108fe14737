"""Groups of members in float64, for tests of nets."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from pbt_gan.gan.nets.batch_last import BatchLast
from pbt_gan.gan.nets.members_in_channels import MembersInChannels
from pbt_gan.gan.nets.net import ImageShape
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.gan.nets.table import find_architecture, make_nets

FORMULATIONS: dict[str, Any] = {"batch last": BatchLast, "members in channels": MembersInChannels}
"""Both take images of any size."""


def nets(
    name,
    size,
    channels=1,
    classes=0,
    layers="members in channels",
    dtype=torch.float64,
    **settings,
):
    """Return the nets of an architecture: its defaults for the size, and settings."""
    architecture = find_architecture(name)
    given = {**architecture.defaults(size), "discriminator_norm": architecture.norms[0], **settings}
    shape = ImageShape(size, channels, classes)
    return make_nets(NetSettings(net=name, **given), shape, FORMULATIONS[layers](dtype))


def params(net, members, dtype=torch.float64):
    """Return parameters [P, N] of members who differ, none of them 0."""
    rng = np.random.default_rng(0)
    drawn = torch.stack([net.initial_params(rng) for _ in range(members)])
    return (drawn + 0.1 * torch.from_numpy(rng.standard_normal(drawn.shape))).to(dtype)


def buffers(net, members, dtype=torch.float64):
    """Return buffers by name as they are at birth."""
    return net.buffers.views(net.initial_buffers().to(dtype).expand(members, -1).clone())


def one_hot(labels, classes, dtype=torch.float64):
    return F.one_hot(labels, classes).to(dtype)


def filled(module, views, member):
    """Return a module in float64 with the parameters of a member, which lie in the same order."""
    module = module.double()
    with torch.no_grad():
        for parameter, view in zip(module.parameters(), views.values(), strict=True):
            assert parameter.shape == view[member].shape
            parameter.copy_(view[member])
    return module

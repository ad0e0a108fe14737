"""In bfloat16, images stay so from layer to layer, and what is lost by that is little."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pbt_gan.gan.nets.table import NETS
from pbt_gan.gan.shown import Shown
from tests.gan.nets.groups import FORMULATIONS, buffers, nets, one_hot, params

MEMBERS, BATCH, SIZE, CLASSES = 2, 6, 32, 3


class Wide(TorchDispatchMode):
    """Notes the operations that make float32 tensors larger than so many numbers."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers, self.found = numbers, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float32 and tensor.numel() > self.numbers:
                self.found.add(str(func))
        return made


def both(net, dtype, device="cpu", layers="members in channels"):
    """Return a generator and a discriminator, each with its parameters, for labelled colour images."""
    pair = nets(net, SIZE, 3, CLASSES, layers, dtype, width=8, z_size=4)
    return [(each, params(each, MEMBERS, torch.float32).to(device)) for each in pair]


def outcome(net, dtype, layers):
    """Return images, logits and the gradient of each net."""
    (generator, g), (discriminator, d) = both(net, dtype, layers=layers)
    random = torch.Generator().manual_seed(0)
    z = torch.randn(MEMBERS, BATCH, 4, generator=random)
    real = torch.rand(MEMBERS, BATCH, 3, SIZE, SIZE, generator=random) * 2 - 1
    labels = one_hot(torch.randint(CLASSES, (MEMBERS, BATCH), generator=random), CLASSES, torch.float32)

    def judged(g, d):
        own = generator.layout.views(g), buffers(generator, MEMBERS, torch.float32)
        fake, statistics = generator(*own, z, labels, training=True)
        shown = [Shown(real, labels), Shown(fake, labels)]
        kept = buffers(discriminator, MEMBERS, torch.float32)
        logits = discriminator.each(discriminator.layout.views(d), kept, shown, training=True).logits
        return (logits[0].tanh() - logits[1].tanh()).sum(), (fake, *statistics.values(), *logits)

    gradients, others = torch.func.grad(judged, (0, 1), has_aux=True)(g, d)
    return [*gradients, *others]


@pytest.mark.slow
@pytest.mark.parametrize("layers", FORMULATIONS)
@pytest.mark.parametrize("net", NETS)
def test_what_leaves_the_nets_is_float32_and_near(net, layers):
    for one, other in zip(outcome(net, torch.bfloat16, layers), outcome(net, torch.float32, layers), strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert (one - other).norm() <= 0.25 * other.norm()


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
def test_between_layers_nothing_is_float32(net):
    (generator, g), (discriminator, d) = both(net, torch.bfloat16, "meta")
    batch = 1_000  # more than there are weights
    z = torch.empty(MEMBERS, batch, 4, device="meta")
    real, labels = torch.empty(MEMBERS, batch, 3, SIZE, SIZE, device="meta"), z[..., :CLASSES]
    kept = [
        {name: part.to("meta") for name, part in buffers(each, MEMBERS, torch.float32).items()}
        for each in (generator, discriminator)
    ]
    with Wide(MEMBERS * batch * 4 * SIZE**2) as wide:
        generator(generator.layout.views(g), kept[0], z, labels, training=True)
        discriminator.each(discriminator.layout.views(d), kept[1], [Shown(real, labels)], training=True)
    assert not wide.found

import pytest
import torch

from pbt_gan.gan.nets.heads import head_shapes, projected
from tests.gan.nets import plain
from tests.gan.nets.groups import FORMULATIONS, filled, nets, one_hot, params

LABELS = torch.tensor([[[0, 1, 1, 2, 0], [2, 2, 2, 0, 2]], [[1, 1, 0, 0, 2], [0, 2, 1, 0, 1]]])
"""Of two batches of two members."""


@pytest.mark.parametrize("layers", FORMULATIONS)
@pytest.mark.parametrize("classes", [0, 3])
def test_projection_and_its_slopes_equal_those_of_modules(layers, classes):
    layers = FORMULATIONS[layers](torch.float64)
    own = {
        name: torch.randn(2, *shape, dtype=torch.float64, requires_grad=True)
        for name, shape in head_shapes(4 * 2 * 2, classes).items()
    }
    features = torch.randn(2, 2, 5, 4, 2, 2, dtype=torch.float64, requires_grad=True)
    entered = layers.enter(list(features))
    labels = one_hot(LABELS, classes).chunk(len(entered)) if classes else [None] * len(entered)
    logits = torch.cat([projected(layers, x, own, y) for x, y in zip(entered, labels, strict=True)])
    assert logits.shape == (2, 2, 5)
    # A penalty on slopes, whose gradients are second derivatives.
    (slopes,) = torch.autograd.grad(logits.sum(), features, create_graph=True)
    found = torch.autograd.grad(logits.square().sum() + slopes.square().sum(), list(own.values()))
    for member in range(2):
        module = filled(plain.Head(4 * 2 * 2, classes), own, member)
        rows = features[:, member].flatten(0, 1).flatten(1).detach().requires_grad_()
        wanted = module(rows, LABELS[:, member].flatten())
        torch.testing.assert_close(logits[:, member].flatten(), wanted, rtol=1e-10, atol=1e-12)
        (slopes,) = torch.autograd.grad(wanted.sum(), rows, create_graph=True)
        gradients = torch.autograd.grad(wanted.square().sum() + slopes.square().sum(), list(module.parameters()))
        for one, other in zip(found, gradients, strict=True):
            torch.testing.assert_close(one[member], other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["dcgan", "sngan-cnn", "resnet"])
def test_the_class_that_is_shown_makes_a_difference_to_every_logit(name):
    _, discriminator = nets(name, 8, classes=3, width=2, discriminator_norm="none")
    views = discriminator.layout.views(params(discriminator, 2))
    images = torch.randn(2, 5, 1, 8, 8, dtype=torch.float64)
    one, other = (
        discriminator(views, {}, images, one_hot(labels, 3), training=True)[0]
        for labels in (LABELS[0], (LABELS[0] + 1) % 3)
    )
    assert (one != other).all()

import pytest
import torch

from pbt_gan.gan.nets.conditional import BatchNorms
from tests.gan.nets import plain
from tests.gan.nets.groups import FORMULATIONS, filled, nets, one_hot, params

LABELS = torch.tensor([[0, 1, 1, 2, 0], [2, 2, 2, 0, 2]])


@pytest.mark.parametrize("layers", FORMULATIONS)
@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_and_its_gradients_equal_those_of_modules(layers, classes, training):
    layers = FORMULATIONS[layers](torch.float64)
    images = torch.randn(2, 5, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    shape = (2, classes, 4) if classes else (2, 4)
    own = {name: torch.randn(shape, dtype=torch.float64, requires_grad=True) for name in ("n.scale", "n.shift")}
    kept = {"n.mean": torch.randn(2, 4, dtype=torch.float64), "n.variance": torch.rand(2, 4, dtype=torch.float64)}
    norm = BatchNorms(layers, own, kept, one_hot(LABELS, classes) if classes else None, training)
    (x,) = layers.enter([images])
    normal = layers.leave(norm("n", x), 4)
    weights = torch.randn_like(normal)
    found = torch.autograd.grad((normal * weights).sum(), [images, *own.values()])
    for member in range(2):
        module = filled(plain.Norm(4, classes), own, member).train(training)
        module.plain.running_mean.copy_(kept["n.mean"][member])
        module.plain.running_var.copy_(kept["n.variance"][member])
        given = images[member].detach().requires_grad_()
        wanted = module(given, LABELS[member])
        torch.testing.assert_close(normal[member], wanted, rtol=1e-10, atol=1e-12)
        gradients = torch.autograd.grad((wanted * weights[member]).sum(), [given, *module.parameters()])
        for one, other in zip(found, gradients, strict=True):
            torch.testing.assert_close(one[member], other, rtol=1e-9, atol=1e-12)
    used = {"n.mean": images.mean((1, 3, 4)), "n.variance": images.var((1, 3, 4), correction=0)} if training else kept
    for name, statistic in used.items():
        torch.testing.assert_close(norm.used[name], statistic, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["dcgan", "sngan-cnn", "resnet"])
def test_a_conditional_generator_whose_classes_are_alike_makes_what_one_without_classes_makes(name):
    alone, told = (nets(name, 8, classes=classes, width=2, z_size=4).generator for classes in (0, 3))
    views = alone.layout.views(params(alone, 2))
    same = {
        tensor: views[tensor][:, None].expand(2, *shape) if len(shape) > views[tensor].ndim - 1 else views[tensor]
        for tensor, shape in told.layout.shapes.items()
    }
    z = torch.randn(2, 5, 4, dtype=torch.float64)
    images, statistics = told(same, {}, z, one_hot(LABELS, 3), training=True)
    wanted, kept = alone(views, {}, z, training=True)
    torch.testing.assert_close(images, wanted, rtol=1e-10, atol=1e-12)
    assert statistics.keys() == kept.keys() == told.buffers.shapes.keys()
    assert told.buffers.shapes == alone.buffers.shapes
    torch.testing.assert_close(told(same, kept, z, one_hot(LABELS, 3), training=False)[0], wanted)


@pytest.mark.parametrize("name", ["dcgan", "sngan-cnn", "resnet"])
def test_another_class_makes_another_image_of_the_same_latents(name):
    generator, _ = nets(name, 8, classes=3, width=2, z_size=4)
    views = generator.layout.views(params(generator, 2))
    z = torch.randn(2, 5, 4, dtype=torch.float64)
    images, kept = generator(views, {}, z, one_hot(LABELS, 3), training=True)
    others, _ = generator(views, kept, z, one_hot((LABELS + 1) % 3, 3), training=False)
    assert ((images - others).abs().flatten(2).amax(2) > 1e-3).all()

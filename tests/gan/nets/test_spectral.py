import torch

from tests.gan.nets import plain
from tests.gan.nets.groups import buffers, filled, nets, one_hot, params

LABELS = torch.tensor([[0, 1, 1, 2, 0], [2, 2, 2, 0, 2]])


def conditional_discriminator():
    """Return one with spectral norm, parameters [P, N] of two members, and all weights' left singular vectors."""
    _, discriminator = nets("sngan-cnn", 32, classes=3, width=2)
    flat = params(discriminator, 2)
    views = discriminator.layout.views(flat)
    weights = {name: weight.flatten(2) for name, weight in views.items() if name.endswith("weight")}
    vectors = {f"u.{name}": torch.linalg.svd(weight).U[..., 0] for name, weight in weights.items()}
    return discriminator, flat, vectors


def test_with_the_singular_vectors_logits_and_gradients_equal_those_of_exactly_divided_weights():
    discriminator, flat, vectors = conditional_discriminator()
    flat.requires_grad_()
    images = torch.randn(2, 5, 1, 32, 32, dtype=torch.float64)
    views = discriminator.layout.views(flat)
    logits, after = discriminator(views, vectors, images, one_hot(LABELS, 3), training=True)
    weights = torch.randn_like(logits)
    (found,) = torch.autograd.grad((logits * weights).sum(), flat)
    for member in range(2):
        module = filled(plain.CnnDiscriminator(4, 2, 1, 3), views, member)
        own = list(module.parameters())  # in the order of the net's; divided, weights come after biases
        wanted = plain.spectral(module)(images[member], LABELS[member])
        torch.testing.assert_close(logits[member], wanted, rtol=1e-9, atol=1e-12)
        gradients = torch.autograd.grad((wanted * weights[member]).sum(), own)
        for one, other in zip(discriminator.layout.views(found).values(), gradients, strict=True):
            torch.testing.assert_close(one[member], other, rtol=1e-8, atol=1e-10)
    for name, vector in after.items():
        cosines = (vector * vectors[name]).sum(1).abs()
        torch.testing.assert_close(cosines, torch.ones_like(cosines))


def test_after_some_batches_every_weight_is_divided_by_its_largest_singular_value():
    discriminator, flat, _ = conditional_discriminator()
    views, kept = discriminator.layout.views(flat), buffers(discriminator, 2)
    assert set(kept) == {f"u.{name}" for name in views if name.endswith("weight")}
    images = torch.randn(2, 2, 1, 32, 32, dtype=torch.float64)
    said = []
    for _ in range(200):
        logits, kept = discriminator(views, kept, images, one_hot(LABELS[:, :2], 3), training=True)
        said.append(logits)
    module = plain.spectral(filled(plain.CnnDiscriminator(4, 2, 1, 3), views, 0))
    wanted = module(images[0], LABELS[0, :2])
    assert not torch.allclose(said[0][0], wanted, rtol=1e-3)
    torch.testing.assert_close(said[-1][0], wanted, rtol=1e-3, atol=1e-6)
    assert discriminator.share("u.dense.weight") == 1  # the kept vector is the latest one


def test_a_batch_that_is_only_looked_at_leaves_the_vectors_as_they_are():
    discriminator, flat, vectors = conditional_discriminator()
    images = torch.randn(2, 5, 1, 32, 32, dtype=torch.float64)
    _, kept = discriminator(discriminator.layout.views(flat), vectors, images, one_hot(LABELS, 3), training=False)
    assert all(torch.equal(kept[name], vector) for name, vector in vectors.items())
